import { closeSync, openSync, readSync } from 'node:fs'
import type { Content, ContentBlock, Event } from '../protocol/index.ts'
import { decodeLine, tooLong } from './decode.ts'
import type { Line } from './journal.ts'
import type { Runtime } from './runtimes/runtime.ts'

/** How far before a line the echoes of the prompts that are joined in it are looked for, in bytes. */
const LOOK_BACK_BYTES = 4 * 1024 * 1024

/** One line of the journal at `path` → its events, with each prompt said once. */
export function eventsOf(line: Line, path: string, decode: Runtime['decode']): Event[] {
  if (line.tooLong) return tooLong(line.start, line.end - 1 - line.start, line.bytes)
  const events = decodeLine(line.bytes, line.start, decode)
  if (!events.some(mayJoin)) return events
  function* before() {
    for (const { start, bytes } of linesBefore(path, line.start)) yield decodeLine(bytes, start, decode)
  }
  try {
    return events.map((event) => withoutEarlier(event, before()))
  } catch {
    // Said twice is better than not at all.
    return events
  }
}

type Prompt = Extract<Event, { kind: 'user' }>

/** Events that never stand between the echoes of prompts and the message in which they are joined. */
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
 * Prompts that were queued are given to the model together: the runtime echoes each, but for the last one all of them,
 * joined under the last one's id.
 * @param before the lines before it, the last first, as their events
 * @returns the event with the last prompt alone, so that each is said once; the same event where nothing is joined
 */
function withoutEarlier(event: Event, before: Iterable<Event[]>): Event {
  if (!mayJoin(event)) return event
  const earlier: Prompt[] = []
  for (const events of before) {
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

/** Whether an event may hold several prompts: only then the lines before it are of interest. */
const mayJoin = (event: Event): event is Prompt & { content: ContentBlock[] } =>
  event.kind === 'user' &&
  event.prompt_id !== undefined &&
  event.origin === undefined &&
  typeof event.content !== 'string' &&
  event.content.length > 1

const blocksOf = (content: Content): ContentBlock[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : content

/** What follows `first` in `all`; undefined if `all` does not begin with it, or nothing follows. */
function behind(all: ContentBlock[], first: ContentBlock[]): Content | undefined {
  if (first.length >= all.length || !first.every((block, index) => isSame(all[index]!, block)))
    return undefined
  const rest = all.slice(first.length)
  return rest.length === 1 && rest[0]?.type === 'text' && rest[0].text !== '' ? rest[0].text : rest
}

/** Newer versions of Claude Code put a newline between the texts that they join. */
const isSame = (joined: ContentBlock, echoed: ContentBlock) =>
  joined.type === 'text' && echoed.type === 'text'
    ? joined.text === echoed.text || joined.text === `${echoed.text}\n`
    : joined.type === 'image' && echoed.type === 'image' && joined.data === echoed.data

/** The whole lines of a file that end before `offset`, the last first, as far as they are looked at. */
function* linesBefore(path: string, offset: number): Generator<{ start: number; bytes: Buffer }> {
  const from = Math.max(0, offset - LOOK_BACK_BYTES)
  const window = Buffer.alloc(offset - from)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, window, 0, window.length, from)
  } finally {
    closeSync(fd)
  }
  for (let end = window.length - 1; end > 0; ) {
    const newline = window.lastIndexOf(NEWLINE, end - 1)
    // The line at the beginning of the window may be cut.
    if (newline === -1 && from > 0) return
    yield { start: from + newline + 1, bytes: window.subarray(newline + 1, end) }
    end = newline
  }
}

const NEWLINE = 10
