/** Ways to leave a question without an answer. */
const LEAVES = ['skip', 'open', 'list', 'quit'] as const
export type Leave = (typeof LEAVES)[number]

/** Reason to abort everything at the wish of the person, as opposed to Ctrl-C. */
export const QUIT = 'quit' satisfies Leave

/** The ways to leave a question that accepts any text. */
export const LEAVE_NOTE = '(/skip, /open, or /quit leaves the question)'

/** The ways to leave a request for permission, in its prompt: their first letters suffice. */
export const LEAVE_HINT = ', s skip, o open, q quit'

/** Thrown when a person leaves a question. */
export class Left extends Error {
  readonly how: Leave

  constructor(how: Leave) {
    super(how)
    this.how = how
  }
}

/** Returns the way to leave that typed text names, such as `/skip` or `/s`. */
export function leaveIn(typed: string): Leave | undefined {
  const word = /^\/([a-z]+)$/i.exec(typed.trim())?.[1]?.toLowerCase()
  return LEAVES.find((leave) => leave === word || leave[0] === word)
}
