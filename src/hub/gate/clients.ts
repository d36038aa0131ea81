import type { Socket } from 'node:net'
import { Fault } from '../fault.ts'
import type { Notices } from './notices.ts'
import { Shares } from './shares.ts'

interface Client {
  /** The key that it counts for. */
  key: string | undefined
  release(): void
}

/** Connections that have shown a user key. */
export class Clients {
  readonly #most: number
  readonly #shares: Shares
  readonly #notices: Notices
  readonly #known = new WeakMap<Socket, Client>()

  constructor(most: number, notices: Notices) {
    this.#most = most
    this.#shares = new Shares(most)
    this.#notices = notices
  }

  /** Counts a connection for a key. @throws Fault where there are too many */
  admit(socket: Socket, key: string, address: string) {
    // Without an address it is a program of the hub's own user, at the Unix socket: the way back in.
    if (socket.remoteAddress === undefined || socket.destroyed) return
    const client = this.#known.get(socket) ?? this.#meet(socket)
    if (client.key === key) return
    // A proxy has one connection serve several keys in turn.
    client.release()
    client.key = undefined
    const scarcity = this.#shares.beyond(key)
    if (scarcity) {
      const most = this.#most
      this.#notices.tell(address, 'client refused: there are too many', { most, key_id: key })
      throw new Fault(
        503,
        'too_many_clients',
        scarcity === 'all'
          ? `There are ${most} connections with user keys, the most that this hub serves.`
          : `This key has half of the ${most} connections that this hub serves, the most that one key may have.`,
        { remedy: 'End some, or raise the limit on open files of the hub (LimitNOFILE=).' },
      )
    }
    client.key = key
    client.release = this.#shares.take(key)
  }

  /** The key that a connection counts for; undefined at the Unix socket. */
  keyOf(socket: Socket): string | undefined {
    return this.#known.get(socket)?.key
  }

  #meet(socket: Socket): Client {
    const client = { key: undefined, release() {} }
    this.#known.set(socket, client)
    socket.once('close', () => client.release())
    return client
  }
}
