import * as z from 'zod/mini'
import { AnyEvent, JournalName, Offset } from '../../protocol/index.ts'
import { type EventId, isAfter } from './event-id.ts'

/** A line without its events. */
const LineHead = z.object({
  from: Offset,
  to: Offset,
  /** Generation of the journal, if it has a name. */
  journal: z.optional(JournalName),
  /**
   * Offset in this file minus offset on the machine. The two offsets differ if the machine was rolled back
   * and did not notice the rollback.
   */
  shift: z._default(Offset, 0),
})
export type LineHead = z.infer<typeof LineHead>

/** A line of `activity.jsonl`: bytes `[from, to)` of an agent's journal, as events. */
const JournalLine = z.extend(LineHead, { events: z.array(AnyEvent) })
export type JournalLine = z.infer<typeof JournalLine>

/** A line whose events are parsed, but not checked. */
const UncheckedLine = z.extend(LineHead, { events: z.array(z.unknown()) })

/** Number of bytes that `lineRange` needs from the start of a line. */
export const HEAD_BYTES = 64
/**
 * Maximum size of the head of a line, in bytes. The name of a journal has at most 64 characters, before
 * escaping.
 */
const WHOLE_HEAD_BYTES = 1024

/**
 * Returns a line, with `from` and `to` first, because searches read only the heads of lines.
 * @param events the events, each as JSON
 */
export const lineOf = (head: LineHead, events: string[]) => `${beginLine(head)}[${events.join()}]}`

/** Returns a line up to its array of events. */
export const beginLine = ({ from, to, journal, shift }: LineHead) =>
  `${JSON.stringify({ from, to, journal, ...(shift > 0 && { shift }) }).slice(0, -1)},"events":`

/** Parses the range of a line, given the line or its beginning; undefined for a damaged line. */
export function lineRange(head: string): { from: number; to: number } | undefined {
  const [, from, to] = /^\{"from":(\d+),"to":(\d+),/.exec(head) ?? []
  return from === undefined ? undefined : { from: Number(from), to: Number(to) }
}

/**
 * Returns the head of a line without parsing its events, which may be costly; undefined for a damaged line.
 * If a crash damaged a line, the line contains zeros or has no end.
 */
export function wholeLine(line: Buffer): LineHead | undefined {
  // The flag `s` lets `.` match line separators, which a name may contain.
  const [, head] = /^(\{.*?),"events":\[/s.exec(line.toString('utf8', 0, WHOLE_HEAD_BYTES)) ?? []
  if (head === undefined || line.includes(0) || line.toString('latin1', line.length - 2) !== ']}')
    return undefined
  return parse(LineHead, `${head}}`)
}

/** Returns a parsed line; undefined for a damaged line. */
export const parseLine = (line: string): JournalLine | undefined => parse(JournalLine, line)

interface LineEnd {
  from: number
  events: AnyEvent[]
  /** True if the line has no earlier events. */
  isWhole: boolean
}

/**
 * Returns the last `most` events of a line before an event, in ascending order; undefined for a damaged line. A line
 * may have thousands of events, and to check an event takes longer than to parse it, so no earlier event is checked.
 */
export function parseLineEnd(text: string, before: EventId, most: number): LineEnd | undefined {
  const line = parse(UncheckedLine, text)
  if (!line) return undefined
  const events: AnyEvent[] = []
  let at = line.events.length
  while (at > 0 && events.length < most) {
    const event = AnyEvent.safeParse(line.events[--at]).data
    if (!event) return undefined
    if (isAfter(before, event)) events.push(event)
  }
  return { from: line.from, events: events.reverse(), isWhole: at === 0 }
}

function parse<T>(schema: z.ZodMiniType<T>, json: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(json)).data
  } catch {
    return undefined
  }
}
