import type { IncomingMessage } from 'node:http'
import { Limits } from '../../protocol/index.ts'
import { Fault } from '../fault.ts'
import type { Notices } from './notices.ts'
import { Shares } from './shares.ts'

/** Bodies that are still coming, in bytes: they are in memory until they are whole. */
const MOST_BYTES = 128 * 1024 * 1024
/** A body that is not longer does not count. */
const SMALL_BYTES = 64 * 1024

/** Bodies of requests that are under way. */
export class Bodies {
  readonly #notices: Notices
  readonly #bytes = new Shares(MOST_BYTES)

  constructor(notices: Notices) {
    this.#notices = notices
  }

  /** Makes room for the body of a request. @throws Fault where there is none */
  admit(request: IncomingMessage, address: string, key: string | undefined) {
    const bytes = lengthOf(request)
    if (bytes <= SMALL_BYTES || request.readableEnded || request.destroyed) return
    if (this.#bytes.beyond(key, bytes)) {
      this.#notices.tell(address, 'request refused: too many long ones are under way', { bytes, key_id: key })
      throw new Fault(503, 'busy', 'Too many long requests are under way.', { remedy: 'Send it again soon.' })
    }
    const over = this.#bytes.take(key, bytes)
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
