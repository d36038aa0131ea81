import { WebSocket } from 'ws'
import { socketServer } from '../../support/light-server.ts'
import type { Cleanup } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

/** Timeout of a reconnection, in milliseconds. The daemon's delay grows with each attempt. */
const BACK_MS = 100_000
const ANSWER_MS = 60_000

/** A server that can send any text to its daemon while the daemon is connected. */
export class DaemonLink {
  readonly url: string
  #socket: WebSocket | undefined
  #greeted = false
  #welcomed = false
  #pong = ''
  #asked = 0
  readonly #agents = new Set<string>()
  readonly #results = new Map<string, boolean>()

  private constructor({ server, url }: Awaited<ReturnType<typeof socketServer>>) {
    this.url = url
    server.on('connection', (socket) => {
      this.#socket = socket
      this.#greeted = this.#welcomed = false
      socket.on('error', () => {})
      socket.on('message', (data) => this.#hear(JSON.parse(String(data))))
    })
  }

  static async open(t: Cleanup): Promise<DaemonLink> {
    return new DaemonLink(await socketServer(t))
  }

  // biome-ignore lint/suspicious/noExplicitAny: a frame as it comes
  #hear(frame: any) {
    if (frame.type === 'machine:hello') this.#greeted = true
    if (frame.type === 'link:ping') this.#say({ type: 'link:pong', nonce: frame.nonce })
    if (frame.type === 'link:pong') this.#pong = typeof frame.nonce === 'string' ? frame.nonce : ''
    if (frame.type === 'agent:status') this.#agents.add(frame.agent_id)
    if (frame.type === 'agent:removed') this.#agents.delete(frame.agent_id)
    if (frame.type === 'agent:activity')
      this.#say({ type: 'agent:ack', offsets: { [frame.agent_id]: frame.to } })
    if (frame.type.endsWith(':result')) this.#results.set(frame.command_id, frame.ok)
  }

  #say(message: object) {
    this.send(Buffer.from(JSON.stringify(message)))
  }

  send(input: Buffer, { binary = false } = {}) {
    if (this.#isOpen()) this.#socket!.send(input, { binary })
  }

  /**
   * Waits until the daemon has read all frames. If the frames ended the connection, also waits for a new
   * connection.
   */
  async live(): Promise<void> {
    this.#results.clear()
    await until(() => this.#isOpen() && this.#greeted, { timeoutMs: BACK_MS, what: 'a greeting' })
    const socket = this.#socket
    if (!this.#welcomed) this.#say({ type: 'server:welcome', protocol: { version: 1 }, offsets: {} })
    this.#welcomed = true
    const nonce = `fuzz ${++this.#asked}`
    this.#say({ type: 'link:ping', nonce })
    const isOver = () => this.#socket !== socket || !this.#isOpen()
    await until(() => this.#pong === nonce || isOver(), { timeoutMs: ANSWER_MS, what: 'a pong' })
    if (isOver()) await this.live()
  }

  /** Makes the daemon remove all agents that it has reported. */
  async tidy(): Promise<void> {
    const ids = [...this.#agents].map((agent_id) => {
      const command_id = `tidy-${++this.#asked}`
      this.#say({ type: 'agent:remove', command_id, agent_id, force: true })
      return command_id
    })
    this.#agents.clear()
    await until(() => ids.every((id) => this.#results.has(id)), { timeoutMs: ANSWER_MS, what: 'removals' })
  }

  drop() {
    this.#socket?.terminate()
  }

  #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN
  }
}
