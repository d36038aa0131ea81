import { systemCode } from './errors.ts'
import { ProxyError } from './proxy-error.ts'

const CAUSES: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'there is no host with that name',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ENETUNREACH: 'there is no route to it',
  EHOSTUNREACH: 'there is no route to it',
  ETIMEDOUT: 'there was no answer in time',
  ERR_SOCKET_TIMEOUT: 'there was no answer in time',
  EIDLETIMEOUT: 'there was no answer in time',
  EPROTO: 'it does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}

/** OpenSSL's error codes for a certificate whose issuer is unknown to this machine. */
const UNKNOWN_ISSUER = /^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_UNTRUSTED)/

/**
 * Reports whether a connection failed because the other side's certificate was signed by an unknown
 * authority.
 */
export const isUntrusted = (error: unknown): boolean => isUntrustedCode(systemCode(error) ?? '')
export const isUntrustedCode = (code: string): boolean => UNKNOWN_ISSUER.test(code)

/** Returns an explanation for the error code of a failed connection; undefined for an unknown code. */
export const causeOf = (code: string): string | undefined =>
  Object.hasOwn(CAUSES, code) ? CAUSES[code] : undefined

/** Returns a sentence for the reason why a connection failed, followed by the system's own message. */
export function unreachable(error: Error): string {
  // For a name with several addresses, there is an error for each address, and no common message.
  const first = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
  if (first instanceof ProxyError) return first.message
  const code = systemCode(first)
  const cause = isUntrusted(first)
    ? 'its certificate was signed by an unknown authority (add it with --ca-file)'
    : code === undefined
      ? undefined
      : causeOf(code)
  return cause === undefined
    ? first.message || first.name
    : `${cause} (${isUntrusted(first) ? code : first.message})`
}
