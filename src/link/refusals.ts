import { CloseCode, PROTOCOL, type Refuse, type Welcome } from '../protocol/index.ts'

const refusal = (code: Refuse['code'], message: string, retry_after_s?: number): Refuse => ({
  type: 'server:refuse',
  code,
  message,
  ...(retry_after_s !== undefined && { retry_after_s }),
})

/**
 * Returns the refusal to report for a welcome in an unsupported version of the protocol; undefined for other
 * welcomes.
 */
export const foreignProtocol = ({ protocol: { version } }: Welcome): Refuse | undefined =>
  version < PROTOCOL.minimum || version > PROTOCOL.version
    ? refusal(
        'protocol_version',
        `The server chose protocol ${version}; this daemon speaks ${PROTOCOL.minimum} to ${PROTOCOL.version}.`,
      )
    : undefined

/**
 * Returns the refusal to report if the server answers with an HTTP status instead of a WebSocket; undefined
 * if the status is not about the key.
 */
export const refusalByStatus = (status: number, retryAfterS: number | undefined): Refuse | undefined =>
  status === 401 || status === 403
    ? refusal('unauthorized', `The server refused the key (HTTP ${status}).`, retryAfterS)
    : undefined

/**
 * Explanation to use if the server replaced this daemon's connection with another, and did not explain this.
 */
export const SUPERSEDED = 'another daemon connected with this machine identity'

const BY_CLOSE_CODE: Readonly<Record<number, Refuse['code']>> = {
  [CloseCode.superseded]: 'superseded',
  [CloseCode.unauthorized]: 'unauthorized',
  [CloseCode.protocol_version]: 'protocol_version',
}

/**
 * Returns the refusal to report for a close code; undefined if the code is not a refusal.
 * @param reason the server's explanation; may be empty
 */
export function refusalByCloseCode(closeCode: number, reason: string): Refuse | undefined {
  const code = BY_CLOSE_CODE[closeCode]
  if (code === undefined) return undefined
  return refusal(code, reason || (code === 'superseded' ? SUPERSEDED : 'The server closed the link.'))
}
