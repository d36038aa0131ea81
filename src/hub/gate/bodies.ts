import type { IncomingMessage } from 'node:http'
import { Limits } from '../../protocol/index.ts'
import { Fault } from '../fault.ts'
import type { Notices } from './notices.ts'
import { Shares } from './shares.ts'

/** Bodies that are still coming, in bytes: they are in memory until they are whole. */
const MOST_BYTES = 128 * 1024 * 1024
/** A body that is not longer is short: those of a key count from so many bytes on, and find room however many long ones come. */
const SHORT_BYTES = 64 * 1024
const FREE_BYTES = 1024 * 1024

/** Bodies of requests that are under way. */
export class Bodies {
  readonly #notices: Notices
  readonly #bytes = new Shares(MOST_BYTES)
  /** Of short ones that do not count. */
  readonly #free = new Shares(Number.POSITIVE_INFINITY)

  constructor(notices: Notices) {
    this.#notices = notices
  }

  /** Makes room for the body of a request. @throws Fault where there is none */
  admit(request: IncomingMessage, address: string, key: string | undefined) {
    const bytes = lengthOf(request)
    if (bytes === 0 || request.readableEnded || request.destroyed) return
    const isFree = bytes <= SHORT_BYTES && this.#free.of(key) + bytes <= FREE_BYTES
    if (!isFree && this.#bytes.beyond(key, bytes)) {
      this.#notices.tell(address, 'request refused: too many are under way', { bytes, key_id: key })
      throw new Fault(503, 'busy', 'Too many long requests are under way.', { remedy: 'Send it again soon.' })
    }
    const over = (isFree ? this.#free : this.#bytes).take(key, bytes)
    request.once('end', over)
    request.once('close', over)
  }
}

function lengthOf({ headers }: IncomingMessage): number {
  const length = headers['content-length']
  // What is longer is refused for its length.
  if (length !== undefined) return Math.min(Number(length), Limits.frame_bytes)
  return headers['transfer-encoding'] === undefined ? 0 : Limits.frame_bytes
}
