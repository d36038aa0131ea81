import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Commands } from '../../src/protocol/index.ts'
import { FrameReader } from './frames.ts'
import type { Random } from './random.ts'

/** Maximum delay of a held-back command or of its copy, in milliseconds. */
const LATE_MS = 1500
const TICK_MS = 20

/**
 * The current faults between a daemon and the hub. For each fault, the `performance.now()` time at which it
 * ends.
 */
interface Trouble {
  stalled: number
  refusing: number
  duplicating: number
  reordering: number
  throttled: number
  bytesPerTick: number
}

const NONE: Trouble = {
  stalled: 0,
  refusing: 0,
  duplicating: 0,
  reordering: 0,
  throttled: 0,
  bytesPerTick: 0,
}

/** Bytes in one direction of a connection. */
class Lane {
  readonly #from: Socket
  readonly #to: Socket
  readonly #trouble: Trouble
  readonly #queue: Buffer[] = []
  #timer: NodeJS.Timeout | undefined
  #frozen = false

  /** @param cut splits the bytes into pieces, each of which is passed on as a whole */
  constructor(from: Socket, to: Socket, trouble: Trouble, cut: (chunk: Buffer) => Buffer[]) {
    this.#from = from
    this.#to = to
    this.#trouble = trouble
    from.on('data', (chunk: Buffer) => {
      from.pause()
      this.put(...cut(chunk))
    })
  }

  put(...pieces: Buffer[]) {
    this.#queue.push(...pieces)
    if (!this.#timer) this.#flush()
  }

  freeze() {
    this.#frozen = true
    this.#from.pause()
    this.end()
  }

  end() {
    clearTimeout(this.#timer)
  }

  #flush() {
    this.#timer = undefined
    if (this.#frozen || this.#to.destroyed) return
    const now = performance.now()
    const { stalled, throttled, bytesPerTick } = this.#trouble
    let budget = now < stalled ? 0 : now < throttled ? bytesPerTick : Number.POSITIVE_INFINITY
    while (budget > 0 && this.#queue.length > 0) {
      const piece = this.#queue[0]!
      const bytes = piece.subarray(0, budget)
      if (bytes.length === piece.length) this.#queue.shift()
      else this.#queue[0] = piece.subarray(bytes.length)
      budget -= bytes.length
      this.#to.write(bytes)
    }
    if (this.#queue.length > 0) this.#timer = setTimeout(() => this.#flush(), TICK_MS)
    else if (!this.#to.writableNeedDrain) this.#from.resume()
    else this.#to.once('drain', () => this.#frozen || this.#from.resume())
  }
}

interface Connection {
  daemon: Socket
  hub: Socket
  lanes: Lane[]
  toDaemon?: Lane
  /** True once the hub has welcomed the daemon. */
  welcomed: boolean
  /** True if neither side receives anything more from the other, not even the end of the connection. */
  frozen: boolean
}

/** The connections between a daemon and the hub, or between a hub and its database, with faults. */
export class FaultProxy {
  readonly counts = { connections: 0, refused: 0, cut: 0, frozen: 0, duplicated: 0, reordered: 0 }
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  readonly #late = new Set<NodeJS.Timeout>()
  readonly #random: Random
  readonly #trouble: Trouble = { ...NONE }
  #welcomedAt = 0
  readonly #frames: boolean

  private constructor(hubPort: number, random: Random, frames: boolean) {
    this.#random = random
    this.#frames = frames
    this.#server = createServer((daemon) => this.#connected(daemon, hubPort))
  }

  /** @param frames false if the connections carry another protocol than WebSocket */
  static async listen(hubPort: number, random: Random, { frames = true } = {}): Promise<FaultProxy> {
    const proxy = new FaultProxy(hubPort, random, frames)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port() {
    return (this.#server.address() as AddressInfo).port
  }

  /** Resets both sides of every connection. */
  cut() {
    for (const connection of this.#alive) {
      this.counts.cut++
      this.#end(connection)
    }
  }

  /** Makes the existing connections go silent. New connections work. */
  freeze() {
    for (const connection of this.#alive) {
      this.counts.frozen++
      connection.frozen = true
      for (const lane of connection.lanes) lane.freeze()
    }
  }

  /** Holds back all data for a while, and then delivers it. */
  stall(ms: number) {
    this.#trouble.stalled = performance.now() + ms
  }

  /** Refuses new connections. */
  refuse(ms: number) {
    this.#trouble.refusing = performance.now() + ms
    this.cut()
  }

  throttle(ms: number, bytesPerSecond: number) {
    this.#trouble.throttled = performance.now() + ms
    this.#trouble.bytesPerTick = Math.max(1, Math.round((bytesPerSecond * TICK_MS) / 1000))
  }

  /** Delivers commands twice. */
  duplicate(ms: number) {
    this.#trouble.duplicating = performance.now() + ms
  }

  /** Delays commands, so that later commands overtake them. */
  reorder(ms: number) {
    this.#trouble.reordering = performance.now() + ms
  }

  /** Time of the hub's last welcome, in ms since 1970. */
  get welcomedAt() {
    return this.#welcomedAt
  }

  get connected() {
    return this.#alive.length > 0
  }

  get #alive() {
    return [...this.#connections].filter(({ frozen }) => !frozen)
  }

  calm() {
    Object.assign(this.#trouble, NONE)
  }

  async close() {
    for (const timer of this.#late) clearTimeout(timer)
    for (const connection of this.#connections) this.#end(connection)
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #connected(daemon: Socket, hubPort: number) {
    daemon.on('error', () => {})
    if (performance.now() < this.#trouble.refusing) {
      this.counts.refused++
      daemon.resetAndDestroy()
      return
    }
    this.counts.connections++
    const hub = connect(hubPort, '127.0.0.1')
    const connection: Connection = { daemon, hub, lanes: [], welcomed: false, frozen: false }
    this.#connections.add(connection)
    const reader = new FrameReader()
    const toHub = new Lane(daemon, hub, this.#trouble, (chunk) => [chunk])
    const toDaemon = new Lane(hub, daemon, this.#trouble, (chunk) =>
      this.#frames
        ? reader.push(chunk).flatMap(({ bytes, text }) => this.#frame(connection, bytes, text))
        : [chunk],
    )
    connection.lanes = [toHub, toDaemon]
    connection.toDaemon = toDaemon
    for (const socket of [daemon, hub]) {
      socket.on('error', () => {})
      socket.on('close', () => connection.frozen || this.#end(connection))
    }
  }

  #frame(connection: Connection, bytes: Buffer, text: string | undefined): Buffer[] {
    const [, type = ''] = /^\{"type":"([a-z:]+)"/.exec(text ?? '') ?? []
    if (type === 'server:welcome') {
      connection.welcomed = true
      this.#welcomedAt = Date.now()
    }
    if (!(type in Commands)) return [bytes]
    const now = performance.now()
    if (now < this.#trouble.reordering) {
      this.counts.reordered++
      this.#deliverLate(bytes)
      return []
    }
    if (now < this.#trouble.duplicating) {
      this.counts.duplicated++
      this.#deliverLate(bytes)
    }
    return [bytes]
  }

  /**
   * Delivers a copy of a command, possibly on a later connection. A real hub also sends a command twice, for
   * example if the hub is killed before it records the answer.
   */
  #deliverLate(bytes: Buffer) {
    const copy = Buffer.from(bytes)
    const timer = setTimeout(() => {
      this.#late.delete(timer)
      const present = this.#alive.findLast(({ welcomed }) => welcomed)
      present?.toDaemon?.put(copy)
    }, this.#random.next() * LATE_MS)
    this.#late.add(timer)
  }

  #end(connection: Connection) {
    if (!this.#connections.delete(connection)) return
    for (const lane of connection.lanes) lane.end()
    for (const socket of [connection.daemon, connection.hub]) {
      if (socket.connecting) socket.destroy()
      else if (!socket.destroyed) socket.resetAndDestroy()
    }
  }
}
