import * as z from 'zod/mini'
import { AnyEvent, JournalName, Offset } from '../protocol/index.ts'

/** One line of `activity.jsonl`: bytes `[from, to)` of an agent's journal, as events. */
const ActivityLine = z.object({
  from: Offset,
  to: Offset,
  /** Generation of the journal; absent for the first. */
  journal: z.optional(JournalName),
  /** How much higher offsets are here than on the machine, which was set back without knowing it. */
  shift: z._default(Offset, 0),
  events: z.array(AnyEvent),
})
export type ActivityLine = z.infer<typeof ActivityLine>

/** All of a line but its events. */
export type LineHead = Omit<ActivityLine, 'events'>

/** Bytes at the start of a line in which `lineRange` finds what it needs. */
export const HEAD_BYTES = 64
/** Bytes at the start of a line in which its whole head is. A journal's name has 64 characters at most, escaped. */
const WHOLE_HEAD_BYTES = 1024

/**
 * `from` and `to` come first: a search through the file reads the heads of lines only.
 * @param events each in JSON
 */
export const lineOf = ({ from, to, journal, shift }: LineHead, events: string[]) =>
  `${JSON.stringify({ from, to, journal, ...(shift > 0 && { shift }) }).slice(0, -1)},"events":[${events.join()}]}`

/** @returns undefined for a line that is damaged */
export function lineRange(head: string): { from: number; to: number } | undefined {
  const [, from, to] = /^\{"from":(\d+),"to":(\d+),/.exec(head) ?? []
  return from === undefined ? undefined : { from: Number(from), to: Number(to) }
}

/**
 * The head of a line, of which the events are not parsed: a machine may have made them costly. What a crash leaves of a line
 * has zeros in it, or no end.
 * @returns undefined for a line that is damaged
 */
export function wholeLine(line: Buffer): LineHead | undefined {
  // A name may have line separators, which `.` passes over with this flag only.
  const [, head] = /^(\{.*?),"events":\[/s.exec(line.toString('utf8', 0, WHOLE_HEAD_BYTES)) ?? []
  if (head === undefined || line.includes(0) || line.toString('latin1', line.length - 2) !== ']}')
    return undefined
  return parseLine(`${head},"events":[]}`)
}

/** @returns undefined for a line that is damaged */
export function parseLine(line: string): ActivityLine | undefined {
  try {
    const parsed = ActivityLine.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

/** An event's name within its agent: what pages and streams go on from. */
export interface EventId {
  offset: number
  index: number
}

export const formatEventId = ({ offset, index }: EventId) => `${offset}.${index}`

/** Before every event. */
export const BEGINNING: EventId = { offset: -1, index: 0 }

/** Behind every event before `offset`. */
export const endOf = (offset: number): EventId => ({ offset: offset - 1, index: Number.MAX_SAFE_INTEGER })

/** @returns undefined for what is no id */
export function parseEventId(text: string): EventId | undefined {
  const [, offset, index] = /^(\d{1,16})\.(\d{1,16})$/.exec(text) ?? []
  return offset === undefined ? undefined : { offset: Number(offset), index: Number(index) }
}

export const isAfter = (event: EventId, other: EventId) =>
  event.offset > other.offset || (event.offset === other.offset && event.index > other.index)
