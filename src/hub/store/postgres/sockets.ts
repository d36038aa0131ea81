import { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { DatabaseHost } from '../../../config/hub-store.ts'

/** Maximum time to reach a host, in milliseconds. */
const REACH_MS = 3000
/** Time for which a host is avoided whose connection ended within this time, in milliseconds. */
const AVOID_MS = 500

/**
 * Returns a function that opens a connection to one of the hosts, beginning with the host that was reached last.
 * A connection that ends at once usually led to a server that accepts no changes, so another host comes first.
 */
export function socketsTo(hosts: readonly [DatabaseHost, ...DatabaseHost[]]): () => Promise<Socket> {
  let first = 0
  const ended = new Map<DatabaseHost, number>()
  const isAvoided = (host: DatabaseHost) => performance.now() - (ended.get(host) ?? -AVOID_MS) < AVOID_MS

  return async () => {
    let failure: unknown
    for (let n = 0; n < hosts.length; n++) {
      const at = (first + n) % hosts.length
      const host = hosts[at]!
      if (isAvoided(host)) {
        if (n < hosts.length - 1) continue
        await setTimeout(AVOID_MS)
      }
      try {
        const socket = await reach(host, () => ended.set(host, performance.now()))
        first = at
        return socket
      } catch (error) {
        failure = error
      }
    }
    return failing(failure)
  }
}

/** A socket that reports a quick end. Its listeners are not safe: the client of the database removes them. */
class HostSocket extends Socket {
  readonly #made = performance.now()
  readonly #endedAtOnce: () => void
  readonly host: string
  readonly port: number

  constructor({ host, port }: DatabaseHost, endedAtOnce: () => void) {
    super()
    // The client of the database checks the certificate for this name.
    this.host = host
    this.port = port
    this.#endedAtOnce = endedAtOnce
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void) {
    if (performance.now() - this.#made < AVOID_MS) this.#endedAtOnce()
    super._destroy(error, done)
  }
}

function reach(host: DatabaseHost, endedAtOnce: () => void): Promise<Socket> {
  const socket = new HostSocket(host, endedAtOnce)
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.setTimeout(REACH_MS, () => socket.destroy(timedOut(host)))
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.removeAllListeners()
      resolve(socket)
    })
    if (host.host.startsWith('/')) socket.connect(`${host.host}/.s.PGSQL.${host.port}`)
    else socket.connect(host.port, host.host)
  })
}

const timedOut = ({ host, port }: DatabaseHost) =>
  Object.assign(new Error(`connect ETIMEDOUT ${host}:${port}`), { code: 'ETIMEDOUT' })

/** Returns a socket that fails. The client of the database would not notice a failure to make a socket. */
function failing(error: unknown): Socket {
  const socket = new Socket()
  setImmediate(() => socket.destroy(error as Error))
  return socket
}
