import { CloseCode, Limits } from '../protocol/index.ts'
import type { BreakReason, ConnectionLimits } from '../wire/connection.ts'
import { GREETING_MS } from './socket.ts'

/** Limits of the daemon's end of a connection. */
export const LIMITS: ConnectionLimits = {
  greetingMs: GREETING_MS,
  busyBytes: 1024 * 1024,
  // About ten lines of agents. Larger writes save little, but delay the first line.
  gatherBytes: 4096,
  // A server exceeds this limit only if it keeps sending requests without reading the answers.
  bufferedBytes: 2 * Limits.frame_bytes,
}

/**
 * Descriptions of the reasons for breaking a connection. A reason has a close code if the server may still
 * read one.
 */
export const BREAKS: Record<BreakReason, { why: string; closeCode?: number }> = {
  overdue: { why: 'no welcome in time', closeCode: CloseCode.timeout },
  faulty: { why: 'too many invalid messages in a row', closeCode: CloseCode.protocol_error },
  unread: { why: 'the server is not reading (send buffer full)' },
  silent: { why: 'the server has gone silent' },
  crashed: { why: 'failed to handle a frame from the server' },
}
