import type * as z from 'zod/mini'
import { readHead } from './object-head.ts'
import { decodeText } from './tokens.ts'

/** An `unreadable` event contains the beginning of an oversized event, up to this length, in bytes. */
const HEAD_BYTES = 4096

/** An event that exceeds a limit: bytes `[start, end)` of a frame. */
export interface Oversized {
  start: number
  end: number
  reason: 'too_deep' | 'too_long'
}

/** Returns the text of a frame, with `unreadable` events in place of oversized events. */
export function replaceOversized(bytes: Uint8Array, events: readonly Oversized[]): string {
  let text = ''
  let at = 0
  for (const { start, end, reason } of events) {
    const { offset, index } = Object.fromEntries(readHead(bytes, ['offset', 'index'], start))
    const head = decodeText(bytes.subarray(start, Math.min(end, start + HEAD_BYTES)))
    text += decodeText(bytes.subarray(at, start))
    text += JSON.stringify(unreadable(offset, index, reason, end - start, head))
    at = end
  }
  return text + decodeText(bytes.subarray(at))
}

const unreadable = (offset: unknown, index: unknown, reason: string, bytes: number, text: string) => ({
  kind: 'unreadable',
  offset,
  index,
  reason,
  bytes,
  text,
})

type Checked = { success: true } | { success: false; error: z.core.$ZodError }

/** Returns the events. If a field of an event exceeds its limit, an `unreadable` event replaces the event. */
export const replaceTooLong = (events: unknown[], check: (event: unknown) => Checked): unknown[] =>
  events.map((event) => {
    const checked = check(event)
    if (checked.success || !isTooBig(checked.error.issues)) return event
    const { offset, index } = event as Record<string, unknown>
    const text = JSON.stringify(event)
    return unreadable(offset, index, 'too_long', text.length, text.slice(0, HEAD_BYTES))
  })

const isTooBig = (issues: readonly z.core.$ZodIssue[]): boolean =>
  issues.some(
    (issue) => issue.code === 'too_big' || (issue.code === 'invalid_union' && issue.errors.some(isTooBig)),
  )
