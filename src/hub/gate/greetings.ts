import type { Duplex } from 'node:stream'
import { Limits } from '../../protocol/index.ts'
import type { Notices } from './notices.ts'

/** Connections with one key that have not greeted yet. */
const MOST_OF_KEY = 32
/** Bytes that one connection may send before its greeting is complete: the longest greeting, and its frame. */
const BYTES = Limits.frame_bytes + 64 * 1024
/** Bytes of unfinished greetings with one key. */
const BYTES_OF_KEY = 48 * 1024 * 1024
/** Bytes of all unfinished greetings. */
const BYTES_IN_ALL = 256 * 1024 * 1024

interface Greeting {
  key: string
  address: string
  bytes: number
  end(): void
}

export interface GreetingOptions {
  /** The hash of the key that it came with. */
  key: string
  address: string
  /** Ends the connection. */
  end(): void
}

/** Connections of machines that have shown a key, and have not completed their greeting: what they send is in memory. */
export class Greetings {
  readonly #notices: Notices
  /** The oldest first. */
  readonly #all = new Set<Greeting>()

  constructor(notices: Notices) {
    this.#notices = notices
  }

  /** Whether one more connection may come with a key. */
  hasRoom(key: string, address: string): boolean {
    if (this.#with(key).length < MOST_OF_KEY) return true
    this.#notices.tell(address, 'machine turned away: too many connections with its key have not greeted')
    return false
  }

  /** Counts what comes over a connection. @returns what is to be called when it has greeted, or is gone */
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
    this.#notices.tell(address, 'machine disconnected: too much before a greeting', { bytes })
    end()
  }

  #with(key: string) {
    return [...this.#all].filter((each) => each.key === key)
  }
}

const sumOf = (greetings: Greeting[]) => greetings.reduce((sum, { bytes }) => sum + bytes, 0)
const largest = (greetings: Greeting[]) =>
  greetings.reduce((one, other) => (other.bytes > one.bytes ? other : one))
