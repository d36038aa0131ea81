import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { type Hello, Limits, PROTOCOL, parseFromDaemon } from '../../protocol/index.ts'
import { Connection, type Frame } from '../connection.ts'
import { Unmet } from '../point.ts'
import { unknownValue } from './unknown-value.ts'

/** Maximum time from the end of a connection to the start of the next connection, in ms. */
const BACK_MS = 45_000
const ANSWER_MS = 10_000

/** Returns the greeting that was received. */
export const helloOf = ({ frames }: Connection) =>
  frames.find(({ type }) => type === 'machine:hello') as Frame & Hello

/** A server on the loopback interface that waits for one daemon. */
export class Host {
  readonly #server: WebSocketServer
  readonly connections: Connection[] = []
  /** Time to wait for the daemon's first connection, in ms. */
  readonly waitMs: number
  readonly #welcomed = new Set<Connection>()
  #commands = 0

  private constructor(server: WebSocketServer, waitMs: number) {
    this.#server = server
    this.waitMs = waitMs
    server.on('connection', (socket) =>
      this.connections.push(
        new Connection(
          socket,
          (text) => {
            const parsed = parseFromDaemon(text)
            if (!parsed.ok) return parsed.error?.message
            const place = unknownValue(JSON.parse(text), parsed.message)
            return place === undefined
              ? undefined
              : `${parsed.message.type}: ${place}: is not one of the values that the protocol defines for this field`
          },
          ANSWER_MS,
        ),
      ),
    )
  }

  /** @throws the system's error */
  static async open(port: number, key: string, waitMs: number): Promise<Host> {
    const server = new WebSocketServer({
      host: '127.0.0.1',
      port,
      maxPayload: Limits.frame_bytes,
      verifyClient: ({ req }: { req: { headers: { authorization?: string } } }) =>
        req.headers.authorization === `Bearer ${key}`,
    })
    await new Promise<void>((resolve, reject) => {
      server.once('listening', resolve)
      server.once('error', reject)
    })
    return new Host(server, waitMs)
  }

  get url() {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Waits until there are more than `behind` connections, and returns the newest. @throws Unmet */
  async connection(behind = 0, ms = BACK_MS): Promise<Connection> {
    const end = performance.now() + ms
    while (this.connections.length <= behind) {
      if (performance.now() > end) throw new Unmet(`no connection with the key within ${ms / 1000} s`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return this.connections.at(-1) as Connection
  }

  /**
   * Makes the daemon reconnect, and returns the new connection. Welcomes the daemon unless `welcome` is
   * false.
   * @throws Unmet
   */
  async greeted(welcome = true): Promise<Connection> {
    const { length } = this.connections
    this.connections.at(-1)?.socket.terminate()
    const connection = await this.connection(length)
    await connection.frame('machine:hello', () => true, 0, 15_000)
    if (welcome) this.welcome(connection)
    return connection
  }

  /** Returns the current connection if it was welcomed; otherwise a new one. @throws Unmet */
  async live(): Promise<Connection> {
    const last = this.connections.at(-1)
    return last && !last.closed && this.#welcomed.has(last) ? last : this.greeted()
  }

  welcome(connection: Connection) {
    this.#welcomed.add(connection)
    const { agents } = helloOf(connection)
    // The daemon's real server has acknowledged activity up to this offset, so no activity is lost.
    const offsets = Object.fromEntries(agents.map(({ agent_id, acked }) => [agent_id, acked]))
    connection.send({ type: 'server:welcome', protocol: { version: PROTOCOL.version }, offsets })
  }

  /** Sends a command and waits for its answer. @throws Unmet */
  async command(connection: Connection, type: string, body: object = {}): Promise<Frame> {
    const command_id = `conformance-${Date.now()}-${++this.#commands}`
    connection.send({ type, command_id, ...body })
    const answers = (frame: Frame) => frame.command_id === command_id
    return connection.wait(() => connection.frames.find(answers), `no answer to ${type}`, 30_000)
  }

  async close() {
    for (const { socket } of this.connections) socket.terminate()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
