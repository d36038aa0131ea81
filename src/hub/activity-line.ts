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

/** Bytes at the start of a line in which `lineRange` finds what it needs. */
export const HEAD_BYTES = 64

/** `from` and `to` come first: a search through the file reads the heads of lines only. */
export const formatLine = ({ from, to, journal, shift, events }: ActivityLine) =>
  JSON.stringify({ from, to, journal, ...(shift > 0 && { shift }), events })

/** @returns undefined for a line that is damaged */
export function lineRange(head: string): { from: number; to: number } | undefined {
  const [, from, to] = /^\{"from":(\d+),"to":(\d+),/.exec(head) ?? []
  return from === undefined ? undefined : { from: Number(from), to: Number(to) }
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

/** @returns undefined for what is no id */
export function parseEventId(text: string): EventId | undefined {
  const [, offset, index] = /^(\d{1,16})\.(\d{1,16})$/.exec(text) ?? []
  return offset === undefined ? undefined : { offset: Number(offset), index: Number(index) }
}

export const isAfter = (event: EventId, other: EventId) =>
  event.offset > other.offset || (event.offset === other.offset && event.index > other.index)
