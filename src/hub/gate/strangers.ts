import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../platform/clock.ts'
import { networkOf } from './address.ts'
import type { Notices } from './notices.ts'

/** How often connections are looked at. */
const LOOK_MS = 1000

export interface StrangerLimits {
  /** Connections in all. */
  strangers: number
  /** Connections of one address. */
  strangers_of_address: number
  /** Time for a connection to show a key or to complete a request, in milliseconds. */
  patience_ms: number
  /** Age up to which connections of an address do not count as too many: thousands may come at once after an outage. */
  grace_ms: number
  /** Time in which a stranger, or a client, has to take some of an answer, in milliseconds. */
  stall_ms: number
}

export interface StrangersOptions {
  limits: StrangerLimits
  /** Connections that are none of a client's own. */
  isProxy(address: string): boolean
  clock: Clock
  notices: Notices
}

interface Stranger {
  id: string
  address: string
  network: string
  socket: Socket
  since: number
  /** When it is ended if it has shown nothing by then. */
  deadline: number
  /** What it is being sent. */
  served: 'answer' | 'file' | undefined
}

type End = 'overdue' | 'many_of_address' | 'many'

const WHY: Record<End, string> = {
  overdue: 'connection ended: no key and no request in time',
  many_of_address: 'connection ended: too many without a key from this address',
  many: 'connection ended: too many without a key',
}

/**
 * Connections that have shown no accepted key. They may be few, and are soon ended; whoever has been silent for longest
 * makes room for others, so that there is always a way in for a machine that has a key.
 */
export class Strangers {
  readonly #options: StrangersOptions
  /** The oldest first. */
  readonly #all = new Map<string, Stranger>()
  readonly #ofNetwork = new Map<string, Set<Stranger>>()
  #timer: Timer | undefined
  #looked = 0

  constructor(options: StrangersOptions) {
    this.#options = options
  }

  arrived(socket: Socket) {
    const { limits, isProxy, clock } = this.#options
    const { remoteAddress: address } = socket
    const id = idOf(socket)
    if (id === undefined || address === undefined || isProxy(address)) return
    const since = clock.monotonic()
    const network = networkOf(address)
    const stranger: Stranger = {
      id,
      address,
      network,
      socket,
      since,
      deadline: since + limits.patience_ms,
      served: undefined,
    }
    this.#all.set(id, stranger)
    const others = this.#ofNetwork.get(network) ?? new Set()
    this.#ofNetwork.set(network, others.add(stranger))
    socket.once('close', () => this.#leave(stranger))
    if (this.#all.size > limits.strangers) this.#makeRoom()
    if (!this.#timer) this.#lookLater()
  }

  /** The connection has shown an accepted key. */
  accepted(socket: Pick<Socket, 'remoteAddress' | 'remotePort' | 'setTimeout'>) {
    const stranger = this.#of(socket)
    if (!stranger) return
    socket.setTimeout(0)
    this.#leave(stranger)
  }

  /** A request has come. */
  asks(request: IncomingMessage, response: ServerResponse) {
    const stranger = this.#of(request.socket)
    if (!stranger) return
    const { limits, clock } = this.#options
    response.once('close', () => {
      stranger.served = undefined
      stranger.deadline = clock.monotonic() + limits.patience_ms
    })
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
    // What has a body has not come yet.
    if (length !== '0' || encoding !== undefined) return
    stranger.served = 'answer'
    request.socket.setTimeout(limits.stall_ms)
  }

  /** A request is for a file, which takes its time. @returns whether there are few enough of these */
  downloads({ socket }: IncomingMessage): boolean {
    const stranger = this.#of(socket)
    if (!stranger) return true
    const others = [...(this.#ofNetwork.get(stranger.network) ?? [])]
    if (others.filter(({ served }) => served === 'file').length >= this.#options.limits.strangers_of_address)
      return false
    stranger.served = 'file'
    return true
  }

  close() {
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
  }

  #of(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>) {
    const id = idOf(socket)
    return id === undefined ? undefined : this.#all.get(id)
  }

  #leave(stranger: Stranger) {
    const { id, network } = stranger
    if (this.#all.get(id) === stranger) this.#all.delete(id)
    const others = this.#ofNetwork.get(network)
    others?.delete(stranger)
    if (others?.size === 0) this.#ofNetwork.delete(network)
  }

  #makeRoom() {
    for (const stranger of this.#all.values()) if (!stranger.served) return this.#end(stranger, 'many')
    const [oldest] = this.#all.values()
    if (oldest) this.#end(oldest, 'many')
  }

  #look() {
    const { limits, clock } = this.#options
    const now = clock.monotonic()
    // What a busy hub has not read yet may be what it waits for.
    const late = now - this.#looked - LOOK_MS
    if (late > LOOK_MS)
      for (const stranger of this.#all.values()) {
        stranger.since += late
        stranger.deadline += late
      }
    for (const stranger of [...this.#all.values()])
      if (!stranger.served && now >= stranger.deadline) this.#end(stranger, 'overdue')
    for (const others of this.#ofNetwork.values()) {
      let beyond = others.size - limits.strangers_of_address
      if (beyond <= 0) continue
      for (const stranger of [...others]) {
        if (beyond <= 0 || now - stranger.since < limits.grace_ms) break
        if (stranger.served) continue
        this.#end(stranger, 'many_of_address')
        beyond--
      }
    }
    this.#timer = undefined
    if (this.#all.size > 0) this.#lookLater()
  }

  #lookLater() {
    const { clock } = this.#options
    this.#looked = clock.monotonic()
    this.#timer = clock.setTimeout(() => this.#look(), LOOK_MS)
  }

  #end(stranger: Stranger, why: End) {
    this.#leave(stranger)
    this.#options.notices.tell(stranger.address, WHY[why])
    stranger.socket.destroy()
  }
}

/** The same for a connection and for the TLS on it. Connections of a Unix socket have none. */
const idOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>) =>
  remoteAddress === undefined || remotePort === undefined ? undefined : `${remoteAddress} ${remotePort}`
