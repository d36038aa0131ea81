import { constants } from 'node:os'
import * as z from 'zod/mini'
import { closedOptional } from '../../protocol/closed.ts'
import { Event, JournalName, Limits, Offset, Uuid } from '../../protocol/index.ts'
import { isDeeper } from '../../protocol/nesting.ts'
import { check } from '../../protocol/schema-check.ts'
import type { EventBody, Heard, Reply } from '../runtimes/conversation.ts'
import { digestOf, withdrawnLineId } from './ids.ts'
import { lastObject } from './last-object.ts'

/**
 * Line that the launcher writes into the journal before and after the agent's lines. The launcher may be
 * newer than the daemon.
 */
const LauncherLine = z.object({
  type: z.literal('launcher'),
  subtype: z.enum(['started', 'exited']),
  run: z.int(),
  time: z.optional(z.string()),
  code: z.optional(z.int()),
  reason: closedOptional(['lease', 'rebooted']),
})
type LauncherLine = z.infer<typeof LauncherLine>

/** Line that the daemon writes at the offset where a journal continues after a rollback of the machine. */
const SetBackLine = z.object({
  type: z.literal('journal'),
  subtype: z.literal('set_back'),
  journal: JournalName,
  from: Offset,
  to: Offset,
  time: z.optional(z.string()),
})
type SetBackLine = z.infer<typeof SetBackLine>

/**
 * Line that the daemon writes when it withdraws a prompt while the agent has no process. The inbox records the
 * line before. Without the record, the line counts as the agent's own, which could otherwise name any person.
 */
const WithdrawnLine = z.object({
  type: z.literal('journal'),
  subtype: z.literal('prompt_withdrawn'),
  prompt_id: Uuid,
  by: z.optional(z.string()),
  time: z.optional(z.string()),
})

/** Reports whether the agent's inbox has recorded an id. */
export type HasAccepted = (id: string) => boolean

const SET_BACK_PREFIX = '{"type":"journal","subtype":"set_back",'
const WITHDRAWN_PREFIX = '{"type":"journal","subtype":"prompt_withdrawn",'

/** Returns the text of the line, without a newline. */
export const setBackLine = (line: Omit<SetBackLine, 'type' | 'subtype'>) =>
  JSON.stringify({ type: 'journal', subtype: 'set_back', ...line })

function setBackEvent(line: string): EventBody | undefined {
  const parsed = SetBackLine.safeParse(fromJson(line))
  if (!parsed.success) return undefined
  const { type: _type, subtype, ...rest } = parsed.data
  return { kind: subtype, ...rest }
}

/** Returns the text of the line, with newlines. */
export const withdrawnLine = (line: Omit<z.infer<typeof WithdrawnLine>, 'type' | 'subtype'>) =>
  `\n${JSON.stringify({ type: 'journal', subtype: 'prompt_withdrawn', ...line })}\n`

function withdrawnEvent(line: string, hasAccepted: HasAccepted): EventBody | undefined {
  const parsed = WithdrawnLine.safeParse(fromJson(line))
  if (!parsed.success || !hasAccepted(withdrawnLineId(parsed.data))) return undefined
  const { type: _type, subtype: _subtype, ...rest } = parsed.data
  return { kind: 'prompt_state', state: 'cancelled', ...rest }
}

const LAUNCHER_PREFIX = '{"type":"launcher",'
/** Maximum number of bytes of an unreadable line in an event. */
const UNREADABLE_HEAD_BYTES = 4096

/** A line of at most this length, in bytes, is too short to exceed the nesting limit. */
const SHALLOW_BYTES = 2 * Limits.nesting
/** The events of a line always fit in a frame if neither of these two limits is exceeded. */
const SMALL_BYTES = 1024 * 1024
const FEW_EVENTS = 10
/** Bytes of a frame that are reserved for the lines before a long line. */
const FRAME_REST_BYTES = 4 * 1024 * 1024
/**
 * Maximum ratio of the size of a line's events to the size of the line. In a frame, at most 64 KiB of lines
 * precede a long line. With this ratio, their events fit in the reserved bytes.
 */
const GROWTH = FRAME_REST_BYTES / (64 * 1024)

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number as number, name]))

/** Returns the signal for an exit code: a shell reports death by signal n as 128 + n. */
const signalOf = (code: number | undefined) => (code && code > 128 ? SIGNALS.get(code - 128) : undefined)

export const isOfLauncher = (line: Buffer) =>
  line.toString('latin1', 0, LAUNCHER_PREFIX.length) === LAUNCHER_PREFIX

export const launcherLine = (line: Omit<LauncherLine, 'type'>) =>
  `\n${JSON.stringify({ type: 'launcher', ...line })}\n`

function launcherEvent(line: string): EventBody | undefined {
  const parsed = LauncherLine.safeParse(fromJson(line))
  if (!parsed.success) return undefined
  const { subtype, run, time, code, reason } = parsed.data
  const at = time === undefined ? {} : { time }
  if (subtype === 'started') return { kind: 'process_started', run, ...at }
  const signal = signalOf(code)
  return {
    kind: 'process_exited',
    run,
    ...(code !== undefined && { code }),
    ...(signal && { signal }),
    ...(reason && { reason }),
    ...at,
  }
}

type Unreadable = Extract<Event, { kind: 'unreadable' }>['reason']

const unreadable = (reason: Unreadable, bytes: number, head: Buffer): EventBody => ({
  kind: 'unreadable',
  reason,
  bytes,
  text: head.toString('utf8', 0, UNREADABLE_HEAD_BYTES),
})

/**
 * Returns the event that replaces a line that is too long. Either the line exceeds `Limits.line_bytes` and
 * only its head was read, or the line's events exceed their limit.
 */
export const tooLong = (offset: number, bytes: number, head: Buffer): Event[] => [
  {
    ...unreadable('too_long', bytes, head),
    offset,
    index: 0,
  } as Event,
]

/** The events in one line of the journal, and the inputs that the daemon sends in response to the line. */
export interface HeardLine {
  events: Event[]
  inputs: Reply[]
  /** State of the conversation after the line. */
  state: unknown
}

/**
 * Reads a line of a journal, without its newline. `state` is the conversation's state before the line. The
 * function is pure: the same bytes at the same offset in the same state give the same events. Resending part
 * of a journal is therefore harmless. The inbox records an id before the line to which it belongs is written.
 */
export function hearLine(
  line: Buffer,
  offset: number,
  state: unknown,
  runtime: (line: string) => Heard,
  hasAccepted: HasAccepted,
): HeardLine {
  if (line.length === 0) return { events: [], inputs: [], state }
  const text = line.toString('utf8')
  const ours = text.startsWith(LAUNCHER_PREFIX)
    ? launcherEvent(text)
    : text.startsWith(SET_BACK_PREFIX)
      ? setBackEvent(text)
      : text.startsWith(WITHDRAWN_PREFIX)
        ? withdrawnEvent(text, hasAccepted)
        : undefined
  const heard = ours ? ownLine(ours, state) : saidIn(text, state, runtime)
  const { events: said, inputs = [], state: after } = heard
  const reason = unfit(said, line.length)
  const bodies = reason ? [unreadable(reason, line.length, line)] : said
  const kinds = inputs.length > 0 ? said.map(({ kind }) => kind) : []
  const events = bodies.map((body, index) => {
    // If a process is killed while it writes, it leaves an incomplete object. The next run's launcher then
    // ends the line with a newline.
    if (body.kind === 'unreadable' && text.startsWith('{') && !text.endsWith('}')) body.reason = 'torn'
    // Change the object itself; nothing else refers to it.
    const event = body as Event
    event.offset = offset
    event.index = index
    if (event.kind === 'permission_request') event.digest = digestOf(line)
    return sendable(event, line)
  })
  if (grown(events, line.length))
    return { events: tooLong(offset, line.length, line), inputs: [], state: after }
  // If any event of a line cannot be sent to the server, the agent gets no input in response to the line.
  const isWhole = events.length === kinds.length && events.every(({ kind }, index) => kind === kinds[index])
  return { events, inputs: isWhole ? inputs : [], state: after }
}

/** Decodes a line, without its newline, from the journal of a conversation without a state. */
export const decodeLine = (line: Buffer, offset: number, decode: (line: string) => EventBody[]): Event[] =>
  hearLine(
    line,
    offset,
    undefined,
    (text) => ({ events: decode(text) }),
    () => false,
  ).events

/** Reads a line of the launcher or the daemon. At the start of a run, a new conversation begins. */
const ownLine = (event: EventBody, state: unknown): Heard => ({
  events: [event],
  state: event.kind === 'process_started' ? undefined : state,
})

/**
 * Replaces an event that no server would accept, for example because its id is a megabyte long. The daemon
 * would otherwise resend the event forever.
 */
function sendable(event: Event, line: Buffer): Event {
  const checked = check(Event, event)
  if (checked.success) return event.kind === 'permission_request' ? checked.data : event
  const { offset, index } = event
  return { ...unreadable('too_long', line.length, line), offset, index } as Event
}

/** Reads a line of the agent. If the line is unreadable, reads the intact object at its end instead. */
function saidIn(text: string, state: unknown, runtime: (line: string) => Heard): Heard {
  const heard = heardIn(text, state, runtime)
  return heard.events[0]?.kind === 'unreadable' ? (behindTear(text, state, runtime) ?? heard) : heard
}

/** Reads a line with the runtime. If the runtime throws an error, the line counts as unreadable. */
function heardIn(text: string, state: unknown, runtime: (line: string) => Heard): Heard {
  try {
    return runtime(text)
  } catch {
    const head = Buffer.from(text.slice(0, UNREADABLE_HEAD_BYTES))
    return { events: [unreadable('not_json', Buffer.byteLength(text), head)], state }
  }
}

/**
 * Decodes the intact object at the end of a line. On a full disk a line is cut off, and the agent's next line
 * follows it without a newline. A wrapper may also print text without a newline before the first line.
 * @returns undefined if the line is intact, or does not end with an intact message
 */
function behindTear(text: string, state: unknown, runtime: (line: string) => Heard): Heard | undefined {
  const at = lastObject(text)
  if (at === undefined || at === 0) return undefined
  const heard = heardIn(text.slice(at), state, runtime)
  // The object may be only a nested part of the line that was cut off.
  if (heard.events.every(({ kind }) => kind === 'unknown' || kind === 'unreadable')) return undefined
  const torn = Buffer.from(text.slice(0, at))
  const first = unreadable(text.startsWith('{') ? 'torn' : 'not_json', torn.length, torn)
  return { ...heard, events: [first, ...heard.events] }
}

/** @returns undefined if the text is not valid JSON */
function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Returns why the events cannot be sent. Deeply nested JSON is one reason: it can be parsed, but not
 * stringified.
 */
function unfit(bodies: EventBody[], bytes: number): Unreadable | undefined {
  if (bodies.length > Limits.line_events) return 'too_long'
  return bytes > SHALLOW_BYTES && isDeeper(bodies, Limits.nesting) ? 'too_deep' : undefined
}

/**
 * Reports whether the events are too long. The events can be longer than the line, because each event repeats
 * the line's common fields, and escapes add length.
 */
function grown(events: Event[], bytes: number): boolean {
  if (bytes <= SMALL_BYTES && events.length <= FEW_EVENTS) return false
  let left = Math.min(Limits.frame_bytes - FRAME_REST_BYTES, GROWTH * bytes)
  return events.some((event) => {
    left -= Buffer.byteLength(JSON.stringify(event))
    return left < 0
  })
}
