import type { Content, ContentBlock, Event } from '../../protocol/index.ts'

type Prompt = Extract<Event, { kind: 'user' }>

/**
 * Maximum number of joined prompts, and maximum number of lines that are searched for them. Limits are needed
 * because the contents of the journal are untrusted.
 */
const PROMPTS = 32
const LINES = 256

/**
 * Kinds of events that never occur between the echoes of queued prompts and the message that joins these
 * prompts.
 */
const OF_ANOTHER_TURN: ReadonlySet<Event['kind']> = new Set([
  'process_started',
  'process_exited',
  'set_back',
  'text',
  'thinking',
  'tool_use',
  'tool_result',
  'turn_result',
])

/**
 * Removes earlier prompts from the echo of the last prompt. A runtime gives all queued prompts to the model
 * together, and echoes each prompt. However, the echo of the last prompt contains the text of all queued
 * prompts.
 * @param before events of the preceding lines, beginning with the latest line
 * @returns the event with only the last prompt; the unchanged event if it contains no earlier prompts
 */
export function withoutEarlier(event: Event, before: Iterable<Event[]>): Event {
  if (!mayJoin(event)) return event
  const earlier: Prompt[] = []
  let lines = 0
  for (const events of before) {
    if (++lines > LINES || earlier.length === PROMPTS) break
    const echo = events.find((one) => one.kind === 'user')
    if (echo?.kind === 'user' && echo.prompt_id !== undefined && echo.origin === undefined)
      earlier.unshift(echo)
    else if (events.some(({ kind }) => OF_ANOTHER_TURN.has(kind))) break
  }
  for (; earlier.length > 0; earlier.shift()) {
    const rest = behind(
      event.content,
      earlier.flatMap(({ content }) => blocksOf(content)),
    )
    if (rest) return { ...event, content: rest }
  }
  return event
}

/** Reports whether an event may contain several prompts, so that the preceding lines must be read. */
export const mayJoin = (event: Event): event is Prompt & { content: ContentBlock[] } =>
  event.kind === 'user' &&
  event.prompt_id !== undefined &&
  event.origin === undefined &&
  typeof event.content !== 'string' &&
  event.content.length > 1

const blocksOf = (content: Content): ContentBlock[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : content

/**
 * Returns the blocks of `all` that follow `first`; undefined if `all` does not begin with `first`, or if
 * nothing follows.
 */
function behind(all: ContentBlock[], first: ContentBlock[]): Content | undefined {
  if (first.length >= all.length || !first.every((block, index) => isSame(all[index]!, block)))
    return undefined
  const rest = all.slice(first.length)
  return rest.length === 1 && rest[0]?.type === 'text' && rest[0].text !== '' ? rest[0].text : rest
}

/** Compares a joined block with an echoed block. Some versions join texts with a newline. */
const isSame = (joined: ContentBlock, echoed: ContentBlock) =>
  joined.type === 'text' && echoed.type === 'text'
    ? joined.text === echoed.text || joined.text === `${echoed.text}\n`
    : joined.type === 'image' && echoed.type === 'image' && joined.data === echoed.data
