import type { Socket } from 'node:net'
import { HttpError } from '../http-error.ts'
import type { Notices } from './notices.ts'
import { Shares } from './shares.ts'

interface Client {
  /** Id of the key that the connection counts for. */
  key: string | undefined
  release(): void
}

/** Limits connections with user keys. */
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

  /** Counts a connection for a key. @throws HttpError if there are too many */
  admit(socket: Socket, key: string, address: string) {
    // A client without an address is a program of the hub's own user at the Unix socket. Such a program must
    // always be able to connect.
    if (socket.remoteAddress === undefined || socket.destroyed) return
    const client = this.#known.get(socket) ?? this.#meet(socket)
    if (client.key === key) return
    // A proxy may use one connection for several keys.
    client.release()
    client.key = undefined
    const scarcity = this.#shares.beyond(key)
    if (scarcity) {
      const most = this.#most
      this.#notices.tell(address, 'client refused: too many connections', { most, key_id: key })
      throw new HttpError(
        503,
        'too_many_clients',
        scarcity === 'all'
          ? `This hub has ${most} connections with user keys, which is the maximum.`
          : `This key has half of the ${most} connections of this hub, which is the maximum for one key.`,
        { remedy: "Close some connections, or raise the hub's limit on open files (LimitNOFILE=)." },
      )
    }
    client.key = key
    client.release = this.#shares.take(key)
  }

  /** Returns the id of the key that a connection counts for; undefined at the Unix socket. */
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
