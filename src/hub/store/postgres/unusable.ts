import type { DatabaseAddress } from '../../../config/hub-store.ts'
import { systemCode, UserError } from '../../../platform/errors.ts'
import { StoreUnavailableError } from '../store-unavailable.ts'

/** Returns the error for a hub that cannot start with its database. */
export function unusable(error: unknown, { hosts, database }: DatabaseAddress): unknown {
  if (!(error instanceof Error)) return error
  const places = hosts.map(({ host, port }) => (host.startsWith('/') ? host : `${host}:${port}`))
  const cause = error instanceof StoreUnavailableError && error.cause instanceof Error ? error.cause : error
  return new UserError(
    'store_unusable',
    `The database ${database} at ${places.join(', ')} cannot be used: ${cause.message || 'no answer'}.`,
    { remedy: remedyOf(systemCode(cause) ?? '') },
  )
}

function remedyOf(code: string): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'Use a name of the host that is in its certificate.'
  if (/^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(code))
    return 'Add sslrootcert=FILE with the certificate of the authority that signed the certificate of the database.'
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_'))
    return 'Check that PostgreSQL has `ssl = on`, and that sslrootcert is a PEM file.'
  if (code.startsWith('28')) return 'Check the user and the password, and pg_hba.conf of the database.'
  return 'Check the address, and that PostgreSQL is running.'
}
