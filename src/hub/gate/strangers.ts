import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../platform/clock.ts'
import { networkOf } from './address.ts'
import type { Notices } from './notices.ts'

/** Interval between checks of all connections, in milliseconds. */
const LOOK_MS = 1000

export interface StrangerLimits {
  /** Maximum number of connections. */
  strangers: number
  /** Maximum number of connections from one address. */
  strangers_of_address: number
  /** Time for a connection to show a key or complete a request, in milliseconds. */
  patience_ms: number
  /**
   * Age, in milliseconds, below which connections from one address are not limited. After an outage,
   * thousands of machines may connect at once.
   */
  grace_ms: number
  /**
   * Maximum time, in milliseconds, for which a client, with or without a key, may read nothing of its answer.
   */
  stall_ms: number
}

export interface StrangersOptions {
  limits: StrangerLimits
  /** Reports whether an address belongs to a trusted proxy. Its connections are not limited. */
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
  /**
   * Deadline of the connection. At this time, the connection is ended if it has neither shown a key nor
   * completed a request.
   */
  deadline: number
  /** Kind of answer that is being sent. */
  served: 'answer' | 'file' | undefined
}

type End = 'overdue' | 'many_of_address' | 'many'

const WHY: Record<End, string> = {
  overdue: 'connection ended: no key or request in time',
  many_of_address: 'connection ended: too many connections without a key from this address',
  many: 'connection ended: too many connections without a key',
}

/**
 * Limits the number and duration of connections that have not shown an accepted key. If there are too many,
 * the connection that has been silent longest is ended, so that a machine with a key can always connect.
 */
export class Strangers {
  readonly #options: StrangersOptions
  /** In order of age, oldest first. */
  readonly #all = new Map<string, Stranger>()
  readonly #ofNetwork = new Map<string, Set<Stranger>>()
  #timer: Timer | undefined
  #looked = 0

  constructor(options: StrangersOptions) {
    this.#options = options
  }

  onArrival(socket: Socket) {
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

  /** Stops limiting a connection that has shown an accepted key. */
  onAccepted(socket: Pick<Socket, 'remoteAddress' | 'remotePort' | 'setTimeout'>) {
    const stranger = this.#of(socket)
    if (!stranger) return
    socket.setTimeout(0)
    this.#leave(stranger)
  }

  /** Registers a request of a connection. */
  asks(request: IncomingMessage, response: ServerResponse) {
    const stranger = this.#of(request.socket)
    if (!stranger) return
    const { limits, clock } = this.#options
    response.once('close', () => {
      stranger.served = undefined
      stranger.deadline = clock.monotonic() + limits.patience_ms
    })
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
    // A request with a body is not complete yet.
    if (length !== '0' || encoding !== undefined) return
    stranger.served = 'answer'
    request.socket.setTimeout(limits.stall_ms)
  }

  /** Registers a download, which may take long. @returns false if the address has too many downloads */
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
    // If this check runs late because the hub was busy, extend the deadlines, because the hub may not have
    // read all data that has arrived.
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

/**
 * Returns an id that is the same for a TCP connection and for the TLS connection on top of it. Returns
 * undefined for a Unix socket.
 */
const idOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>) =>
  remoteAddress === undefined || remotePort === undefined ? undefined : `${remoteAddress} ${remotePort}`
