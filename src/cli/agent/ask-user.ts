import type { HubClient } from '../../client/hub-client.ts'
import { unlessAborted } from '../../client/until-aborted.ts'
import { UserError } from '../../platform/errors.ts'
import { type Form, labelOf, type PermissionRequest, type Question } from '../../protocol/index.ts'
import { promptText } from '../confirm-yes.ts'
import { dropTyped, openPrompt } from '../prompt.ts'
import { cleanLine } from '../render/clean.ts'
import { layLines } from '../render/layout.ts'
import { offersText } from '../render/offers.ts'
import { requestText } from '../render/request.ts'
import { stdoutColors, stdoutWidth, write } from '../terminal.ts'
import { allowing } from './allowing.ts'
import { answerTo, decisionOf } from './answers.ts'
import { fieldAnswer, fillable } from './form.ts'
import { LEAVE_HINT, LEAVE_NOTE, type Leave, Left, leaveIn } from './leave.ts'
import { askRemembered, rememberedText } from './remembered.ts'
import { answersOf, type Reply, replyIn, replyText, replyTo } from './reply.ts'
import { type Ask, screenRows, showPages } from './show-pages.ts'

/** Maximum time to wait until the agent has received an answer, in seconds. */
const ANSWER_WAIT_S = 30

/** Maximum length of a message, in characters: the message may quote the form of an MCP server. */
const FAULT_CHARS = 400

/** Reason to abort a question: another person has answered, or the agent has withdrawn it. */
export const ANSWERED = 'answered'
/** Reason to abort a question: the agent's machine is no longer connected. */
export const AWAY = 'away'
/** Reason to abort a question: the agent now asks a different question under the same id. */
export const CHANGED = 'changed'

const WHY = new Map<unknown, string>([
  [ANSWERED, '  (no longer asked)\n'],
  [AWAY, '  (its machine is no longer connected)\n'],
  [CHANGED, '  (the agent now asks something else)\n'],
])

/** End of a question. */
export type Ended = 'answered' | 'postponed' | 'withdrawn' | Leave

interface Asking {
  /** Aborted when the question must end. The reason is ANSWERED, AWAY, CHANGED, or the end of the program. */
  signal: AbortSignal
  /** Aborted at Ctrl-C, to end all waiting. */
  over: AbortController
  /** True if the request is the last thing on the screen. */
  onScreen?: boolean | undefined
  /** True if the person may also leave the question with a word such as /skip. */
  mayLeave?: boolean
}

/**
 * Shows a whole request on the terminal, then asks for an answer, and sends the answer.
 * @param request request with its input
 * @returns how the question ended: Ctrl-D postpones the answer
 */
export async function askUser(
  client: HubClient,
  agentId: string,
  request: PermissionRequest,
  { signal, over, onScreen = false, mayLeave = false }: Asking,
): Promise<Ended> {
  const readline = await openPrompt()
  const gone = new AbortController()
  const stop = () => gone.abort()
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  // Ctrl-D postpones the answer: the request stays open.
  readline.once('close', stop)
  readline.on('SIGINT', () => over.abort())
  const { request_id, digest } = request
  const handOn = (command: string, body: object) =>
    unlessAborted(
      client.agentCommand(agentId, command, { request_id, digest, ...body }, ANSWER_WAIT_S),
      over.signal,
    )
  // Input that was typed before the question does not answer it.
  const question: Ask = async (text) => {
    await dropTyped(readline)
    const typed = await readline.question(promptText(text), { signal: gone.signal })
    const leave = mayLeave ? leaveIn(typed) : undefined
    if (leave) throw new Left(leave)
    return typed
  }
  try {
    const refusal = await show(request, onScreen, question)
    const form = fillable(request)
    if (refusal !== undefined)
      await handOn('permission', request.form ? { decision: 'deny' } : decisionOf(refusal, false)!)
    else if (request.ask === 'question') {
      if (mayLeave) sayRows([LEAVE_NOTE])
      const replies = await (form
        ? filledIn(form, request.questions, question)
        : replied(request.questions ?? [], question))
      const isEnd = typeof replies === 'string'
      await handOn('answer', isEnd ? { action: replies } : { answers: answersOf(replies) })
      sayRows(isEnd ? [] : replies.map((reply) => `Answered ${replyText(reply)}`))
    } else {
      const { said, ...decision } = await decided(request, question, mayLeave)
      await handOn(
        'permission',
        decision.decision === 'allow' ? { ...decision, ...allowing(client, request) } : decision,
      )
      sayRows(said)
    }
    return 'answered'
  } catch (error) {
    if (error instanceof Left) return error.how
    if (!gone.signal.aborted) throw error
    write(`\n${WHY.get(signal.reason) ?? ''}`)
    return signal.aborted ? 'withdrawn' : 'postponed'
  } finally {
    signal.removeEventListener('abort', stop)
    readline.removeListener('close', stop)
    readline.close()
  }
}

function sayRows(lines: string[]) {
  for (const row of layLines(lines, stdoutWidth())) write(`${row}\n`)
}

const isRefusal = (typed: string) => decisionOf(typed, false)?.decision === 'deny'

/**
 * Writes the request, unless the whole request is on the screen.
 * @returns the refusal, if the user typed a refusal between two screens
 */
async function show(
  request: PermissionRequest,
  onScreen: boolean,
  question: Ask,
): Promise<string | undefined> {
  const colors = stdoutColors()
  const text = (width: number | undefined) => requestText(request, colors, width)
  if (!onScreen || text(stdoutWidth()).split('\n').length > screenRows())
    return showPages(text, question, isRefusal)
  const offers = offersText(request, colors, stdoutWidth())
  if (offers !== '') write(`${offers}\n`)
  return undefined
}

/** Asks until there is a decision. Also asks which suggestions of the request to remember. */
async function decided(request: PermissionRequest, question: Ask, mayLeave: boolean) {
  const offered = (request.suggestions ?? []).length > 0
  const leave = mayLeave ? LEAVE_HINT : ''
  const prompt = `y yes, n no${offered ? ', a always' : ''}${leave}, or type what to do instead> `
  for (;;) {
    const typed = await question(prompt)
    const left = mayLeave ? leaveIn(`/${typed.trim()}`) : undefined
    if (left) throw new Left(left)
    const decision = decisionOf(typed, offered)
    if (decision?.decision === 'always') {
      const what = await askRemembered(request, question, { confirmsRules: true })
      if (what.remember.length > 0)
        return { decision: 'allow', remember: what.remember, said: rememberedText(what) }
      write('  Nothing to remember. Type y to allow it once.\n')
    } else if (decision) return { ...decision, said: [] }
    else if (typed.trim() !== '') write(`  Type ${offered ? 'y, n, a' : 'y, n'}, or a sentence.\n`)
  }
}

const ENDS = new Map([
  ['/decline', 'decline'],
  ['/cancel', 'cancel'],
])

/** Asks all questions in turn. */
async function replied(questions: Question[], read: Ask): Promise<Reply[]> {
  const replies: Reply[] = []
  for (const [index, asked] of questions.entries()) {
    const name =
      questions.length > 1 ? `${index + 1}. ${cleanLine(asked.header ?? asked.question, 40)}: ` : ''
    const given = await untilGiven(asked, () => read(`${name}number or text> `))
    replies.push(replyTo(asked, index, given))
  }
  return replies
}

/** Asks for all fields in turn. @returns the replies, or the typed action that ends the form */
async function filledIn(form: Form, questions: Question[] = [], read: Ask): Promise<Reply[] | string> {
  const replies: Reply[] = []
  for (const [index, field] of form.fields.entries()) {
    let action: string | undefined
    const answer = await untilTaken(
      () => read(`${cleanLine(labelOf(field), 60)}> `),
      (typed) => {
        action = ENDS.get(typed.trim())
        return action === undefined ? fieldAnswer(field, questions[index], typed) : ''
      },
    )
    if (action !== undefined) return action
    if (answer !== '') replies.push(replyIn(field, index, answer))
  }
  return replies
}

/** Asks a question until the input is a valid answer. */
const untilGiven = (asked: Question, read: () => Promise<string>): Promise<string[]> =>
  untilTaken(
    async () => {
      for (;;) {
        const typed = await read()
        if (typed.trim() !== '') return typed
      }
    },
    (typed) => answerTo(asked, typed),
  )

async function untilTaken<T>(read: () => Promise<string>, take: (typed: string) => T): Promise<T> {
  for (;;) {
    try {
      return take(await read())
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      sayRows([`${cleanLine(error.message, FAULT_CHARS)} ${error.remedy}`])
    }
  }
}
