import { Failure, isDiskFull } from '../platform/errors.ts'
import type { CommandError } from '../protocol/index.ts'
import { StoreUnavailableError } from './store/store-unavailable.ts'

/**
 * Default `Retry-After` by status, in seconds. A lack of room (503) ends without an operator. A limit or a
 * full disk (429, 507) usually needs an operator.
 */
const RETRY_AFTER_S: Partial<Record<number, number>> = { 429: 30, 503: 5, 507: 30 }

/** The failure of a request: the HTTP status and the error in the answer. */
export class HttpError extends Failure {
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 415 | 429 | 500 | 503 | 507
  readonly error: CommandError
  /** Additional headers of the answer. */
  readonly headers: Record<string, string>

  /**
   * @param retryAfterS time after which the request may succeed, in seconds; undefined if it can never
   * succeed
   */
  constructor(
    status: HttpError['status'],
    code: string,
    message: string,
    rest: Partial<CommandError> = {},
    retryAfterS = RETRY_AFTER_S[status],
  ) {
    super(code, message, { remedy: rest.remedy })
    this.status = status
    this.error = { code, message, ...rest }
    this.headers = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }
  }
}

/** Converts the error of a store that cannot be reached. Returns undefined for another error. */
export const unavailable = (error: unknown): HttpError | undefined =>
  error instanceof StoreUnavailableError
    ? new HttpError(503, 'store_unavailable', error.message, {
        remedy: 'Check that the hub’s database is running, and that the hub can reach it.',
      })
    : undefined

/** Converts an error to an `HttpError`. Returns undefined for an unexpected error. */
export function httpErrorOf(error: Error): HttpError | undefined {
  if (error instanceof HttpError) return error
  if (!isDiskFull(error)) return unavailable(error)
  return new HttpError(507, 'disk_full', `The hub could not write to its folder: ${error.message}`, {
    remedy: 'Free space on the disk with the hub’s folder.',
  })
}
