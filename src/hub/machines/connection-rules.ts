import { CloseCode, Limits } from '../../protocol/index.ts'
import type { BreakReason, ConnectionLimits } from '../../wire/connection.ts'

/** Maximum time from the upgrade to the daemon's greeting, in milliseconds. */
const GREETING_MS = 10_000
/** The standard close code "internal error". */
export const INTERNAL_ERROR = 1011

/** Limits of the hub's end of a connection. */
export const LIMITS: ConnectionLimits = {
  greetingMs: GREETING_MS,
  // All commands that can wait for one machine fit into this size.
  bufferedBytes: 6 * Limits.frame_bytes,
  // The remaining part of the send buffer is for other messages.
  answerBytes: 4 * 1024 * 1024,
  turnMs: 10,
}

/**
 * Close codes for broken connections. For reasons not listed here, the hub ends the connection without a
 * close frame. No data is lost: commands are on the disk, and all other messages are sent again.
 */
export const CLOSES: Partial<Record<BreakReason, { code: number; reason: string }>> = {
  overdue: { code: CloseCode.timeout, reason: 'no greeting in time' },
  faulty: { code: CloseCode.protocol_error, reason: 'too many faults in a row' },
  crashed: { code: INTERNAL_ERROR, reason: 'internal error' },
}
