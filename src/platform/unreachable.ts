import { systemCode } from './errors.ts'
import { ProxyError } from './proxy-error.ts'

const CAUSES: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was broken off',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  ENETUNREACH: 'no network leads there',
  EHOSTUNREACH: 'no network leads there',
  ETIMEDOUT: 'there was no answer in time',
  ERR_SOCKET_TIMEOUT: 'there was no answer in time',
  EIDLETIMEOUT: 'there was no answer in time',
  EPROTO: 'it does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}

/** What OpenSSL says of a certificate whose issuer this machine does not know. */
const UNKNOWN_ISSUER = /^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_UNTRUSTED)/

/** Whether a connection failed because the other side's certificate is by an authority unknown here. */
export const isUntrusted = (error: unknown): boolean => isUntrustedCode(systemCode(error) ?? '')
export const isUntrustedCode = (code: string): boolean => UNKNOWN_ISSUER.test(code)

/** What an error's code says of a connection that could not be made; undefined for a code that is not known. */
export const causeOf = (code: string): string | undefined =>
  Object.hasOwn(CAUSES, code) ? CAUSES[code] : undefined

/** Why a connection could not be made, in words; the system's own behind them. */
export function unreachable(error: Error): string {
  // With several addresses for one name there is an error for each, and no message for all.
  const first = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
  if (first instanceof ProxyError) return first.message
  const code = systemCode(first)
  const cause = isUntrusted(first)
    ? 'its certificate is by an authority unknown here (name that with --ca-file)'
    : code === undefined
      ? undefined
      : causeOf(code)
  return cause === undefined
    ? first.message || first.name
    : `${cause} (${isUntrusted(first) ? code : first.message})`
}
