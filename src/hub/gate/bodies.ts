import type { IncomingMessage } from 'node:http'
import { Limits } from '../../protocol/index.ts'
import { HttpError } from '../http-error.ts'
import type { Notices } from './notices.ts'
import { Shares } from './shares.ts'

/** Maximum total size of all incomplete bodies, in bytes. The hub keeps these bodies in memory. */
const MOST_BYTES = 128 * 1024 * 1024
/** Maximum size of a short body, in bytes. */
const SHORT_BYTES = 64 * 1024
/**
 * Allowance of each key, in bytes: short bodies up to this total size do not count toward the limits. Because
 * of this allowance, long bodies cannot block short bodies.
 */
const FREE_BYTES = 1024 * 1024

/** Limits incomplete request bodies. */
export class Bodies {
  readonly #notices: Notices
  readonly #bytes = new Shares(MOST_BYTES)
  /** For each key: total size of the short bodies that do not count toward the limits. */
  readonly #free = new Shares(Number.POSITIVE_INFINITY)

  constructor(notices: Notices) {
    this.#notices = notices
  }

  /** Reserves room for the body of a request. @throws HttpError if there is no room */
  admit(request: IncomingMessage, address: string, key: string | undefined) {
    const bytes = lengthOf(request)
    if (bytes === 0 || request.readableEnded || request.destroyed) return
    const isFree = bytes <= SHORT_BYTES && this.#free.of(key) + bytes <= FREE_BYTES
    if (!isFree && this.#bytes.beyond(key, bytes)) {
      this.#notices.tell(address, 'request refused: too many requests at once', { bytes, key_id: key })
      throw new HttpError(503, 'busy', 'The hub is receiving too many long requests.', {
        remedy: 'Try again soon.',
      })
    }
    const over = (isFree ? this.#free : this.#bytes).take(key, bytes)
    request.once('end', over)
    request.once('close', over)
  }
}

function lengthOf({ headers }: IncomingMessage): number {
  const length = headers['content-length']
  // Bodies beyond the maximum size are refused elsewhere.
  if (length !== undefined) return Math.min(Number(length), Limits.frame_bytes)
  return headers['transfer-encoding'] === undefined ? 0 : Limits.frame_bytes
}
