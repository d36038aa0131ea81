import { PROTOCOL, type Refuse } from '../protocol/index.ts'

/** Between tries when the server refuses this daemon: nothing here will change that by itself. */
const RETRY_MS = 5 * 60_000
/** What a server may ask for. */
const RETRY_AFTER_S = { least: 1, most: 24 * 3600 }

/** A wait that a server asks for, in ms. @param afterS in seconds */
export function boundedMs(afterS: number): number {
  const { least, most } = RETRY_AFTER_S
  return Math.min(Math.max(afterS, least), most) * 1000
}

/**
 * How long to wait before a server that has refused this daemon is tried again, in ms; undefined as after any lost
 * connection.
 */
export function refusedRetryMs({ code, retry_after_s }: Refuse): number | undefined {
  if (retry_after_s !== undefined) return boundedMs(retry_after_s)
  return code === 'busy' ? undefined : RETRY_MS
}

/** What HTTP's `Retry-After` asks for, in seconds: it has them, or a date. Undefined for anything else. */
export function retryAfterS(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text)
  const at = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : (at - now) / 1000
}

/** What a welcome amounts to that goes on in a version of the protocol which this daemon does not speak. */
export const foreignProtocol = (version: number): Refuse => ({
  type: 'server:refuse',
  code: 'protocol_version',
  message: `The server goes on in protocol ${version}; this daemon speaks ${PROTOCOL.minimum} to ${PROTOCOL.version}.`,
})
