import { systemCode } from '../../../platform/errors.ts'
import { StoreUnavailableError } from '../store-unavailable.ts'
import { ConnectionError } from './connections.ts'

/**
 * SQLSTATEs of a database that may accept the statement later: connection failures, a server that accepts no changes,
 * refused users, insufficient resources, ended connections, databases that accept no connections, deadlocks, and
 * timeouts of statements, transactions, and locks.
 */
const UNAVAILABLE = /^(08|25006|25P03|28|40001|40P01|53|55000|55P03|57014|57P)/
/** SQLSTATE class of refused users. */
const REFUSED = '28'
/** A certificate that is not accepted. */
const CERTIFICATE = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA$)/
/** The disk of the database is full. */
const FULL = '53100'

/** The database did not answer in time. */
export class TooLateError extends Error {}

/** Reports whether the database may answer later, without a change of the hub's settings. */
export function isAway(error: unknown): error is StoreUnavailableError {
  if (!(error instanceof StoreUnavailableError)) return false
  const code = systemCode(error.cause) ?? ''
  return !code.startsWith(REFUSED) && !CERTIFICATE.test(code)
}

/** Returns the error for other parts of the hub, which do not know the codes of the database. */
export function translated(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = systemCode(error) ?? ''
  if (code === FULL) return Object.assign(new Error(error.message, { cause: error }), { code: 'ENOSPC' })
  if (error instanceof TooLateError || error instanceof ConnectionError || UNAVAILABLE.test(code))
    return new StoreUnavailableError(`The hub's database cannot be reached: ${error.message || code}`, error)
  return error
}
