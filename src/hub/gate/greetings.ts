import type { Duplex } from 'node:stream'
import { Limits } from '../../protocol/index.ts'
import type { Notices } from './notices.ts'

/** Maximum number of connections with one key that have not greeted yet. */
const MOST_OF_KEY = 32
/**
 * Maximum number of bytes that a connection may send before its greeting is complete: the size of the longest
 * greeting with its framing.
 */
const BYTES = Limits.frame_bytes + 64 * 1024
/** Maximum size of all incomplete greetings with one key, in bytes. */
const BYTES_OF_KEY = 48 * 1024 * 1024
/** Maximum size of all incomplete greetings, in bytes. */
const BYTES_IN_ALL = 256 * 1024 * 1024

interface Greeting {
  key: string
  address: string
  bytes: number
  end(): void
}

export interface GreetingOptions {
  /** Hash of the connection's key. */
  key: string
  address: string
  /** Ends the connection. */
  end(): void
}

/**
 * Limits the connections that have a machine key, but have not completed their greeting: incomplete greetings
 * are in memory.
 */
export class Greetings {
  readonly #notices: Notices
  /** Ordered by age, oldest connection first. */
  readonly #all = new Set<Greeting>()

  constructor(notices: Notices) {
    this.#notices = notices
  }

  /** Reports whether this key may have one more connection that has not greeted yet. */
  hasRoom(key: string, address: string): boolean {
    if (this.#with(key).length < MOST_OF_KEY) return true
    this.#notices.tell(address, 'machine refused: too many connections with its key have not greeted')
    return false
  }

  /**
   * Counts the bytes of a connection. @returns a function to call once the connection has greeted or closed
   */
  begin(socket: Duplex, { key, address, end }: GreetingOptions): () => void {
    const greeting: Greeting = { key, address, end, bytes: 0 }
    const count = (data: Buffer) => {
      greeting.bytes += data.length
      this.#bound(greeting)
    }
    const over = () => {
      this.#all.delete(greeting)
      socket.off('data', count)
    }
    this.#all.add(greeting)
    socket.on('data', count)
    socket.once('close', over)
    return over
  }

  #bound(latest: Greeting) {
    if (latest.bytes > BYTES) return this.#end(latest)
    const same = this.#with(latest.key)
    if (sumOf(same) > BYTES_OF_KEY) return this.#end(largest(same))
    if (sumOf([...this.#all]) > BYTES_IN_ALL) this.#end(largest([...this.#all]))
  }

  #end(greeting: Greeting) {
    this.#all.delete(greeting)
    const { address, bytes, end } = greeting
    this.#notices.tell(address, 'machine disconnected: too much data before its greeting', { bytes })
    end()
  }

  #with(key: string) {
    return [...this.#all].filter((each) => each.key === key)
  }
}

const sumOf = (greetings: Greeting[]) => greetings.reduce((sum, { bytes }) => sum + bytes, 0)
const largest = (greetings: Greeting[]) =>
  greetings.reduce((one, other) => (other.bytes > one.bytes ? other : one))
