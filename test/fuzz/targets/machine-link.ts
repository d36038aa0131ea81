import { WebSocket } from 'ws'
import { helloOf, statusOf } from '../../support/light-daemon.ts'
import { until } from '../../support/wait.ts'

const ANSWER_MS = 30_000
/** Placeholders for the end of the agent's history at the hub, and for an offset after this end. */
export const NEXT = 900_000_001
export const BEHIND = 900_000_011
export const AGENTS = ['a1', 'a2', 'a3', 'a4']

const OURS = new RegExp(String(NEXT), 'g')
const THEIRS = new RegExp(String(BEHIND), 'g')

export const hello = () => helloOf({ agents: AGENTS.map((id) => statusOf(id)) })

/** A machine's connection to a hub. The machine can send any frame. */
export class MachineLink {
  readonly #url: string
  readonly #key: string
  #socket: WebSocket
  #welcomed = false
  #pong = ''
  #pings = 0
  readonly #offsets: Map<string, number>

  private constructor(url: string, key: string, offsets: Map<string, number>) {
    this.#url = url
    this.#key = key
    this.#offsets = offsets
    this.#socket = this.#dial()
  }

  /** Connects without sending a frame. */
  static async open(url: string, key: string, offsets = new Map<string, number>()): Promise<MachineLink> {
    const link = new MachineLink(url, key, offsets)
    await until(() => link.#socket.readyState !== WebSocket.CONNECTING, {
      timeoutMs: ANSWER_MS,
      what: 'a link',
    })
    return link
  }

  #dial() {
    const socket = new WebSocket(this.#url.replace(/^http/, 'ws'), {
      headers: { authorization: `Bearer ${this.#key}` },
      perMessageDeflate: false,
    })
    socket.on('error', () => {})
    socket.on('message', (data) => this.#hear(JSON.parse(String(data))))
    return socket
  }

  #hear({ type, command_id, offsets, nonce, agent_id, from }: Record<string, unknown>) {
    if (command_id !== undefined && type !== 'protocol:error')
      this.send(Buffer.from(JSON.stringify({ type: `${type}:result`, command_id, ok: true })))
    if (type === 'server:welcome') this.#welcomed = true
    if (type === 'link:pong') this.#pong = typeof nonce === 'string' ? nonce : ''
    if (type === 'server:welcome' || type === 'agent:ack')
      for (const [agent, offset] of Object.entries(offsets as Record<string, number>))
        this.#offsets.set(agent, offset)
    if (type === 'agent:resend') this.#offsets.set(String(agent_id), Number(from))
  }

  /** Sends a frame, as text unless `binary` is true. */
  send(input: Buffer, { binary = false } = {}) {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    let frame = input
    if (input.includes(String(NEXT))) {
      const text = input.toString('latin1')
      const [, agent = ''] = /"agent_id":"(a\d)"/.exec(text) ?? []
      const next = this.#offsets.get(agent) ?? 0
      frame = Buffer.from(text.replace(OURS, String(next)).replace(THEIRS, String(next + 10)), 'latin1')
      if (agent) this.#offsets.set(agent, next + 10)
    }
    this.#socket.send(frame, { binary })
  }

  /**
   * Waits until the hub has read all frames.
   * @returns this link, or a new welcomed link if this link was closed
   */
  async live(): Promise<MachineLink> {
    const socket = this.#socket
    const nonce = `fuzz ${++this.#pings}`
    const isOpen = () => socket.readyState === WebSocket.OPEN
    if (!this.#welcomed) this.send(Buffer.from(JSON.stringify(hello())))
    await until(() => this.#welcomed || !isOpen(), { timeoutMs: ANSWER_MS, what: 'a welcome' })
    this.send(Buffer.from(JSON.stringify({ type: 'link:ping', nonce })))
    await until(() => this.#pong === nonce || !isOpen(), { timeoutMs: ANSWER_MS, what: 'a pong' })
    if (isOpen()) return this
    this.close()
    return (await MachineLink.open(this.#url, this.#key, this.#offsets)).live()
  }

  close() {
    this.#socket.terminate()
  }
}
