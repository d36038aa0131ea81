import { WebSocket } from 'ws'
import {
  type Activity,
  type AgentStatus,
  type Command,
  DAEMON_CAPABILITIES,
  type Event,
  type Hello,
  type MachineStatus,
  PROTOCOL,
} from '../../src/protocol/index.ts'
import { until } from './wait.ts'

/** A frame from a server. */
type Frame = { type: string } & Record<string, unknown>

export interface LightDaemonOptions {
  url: string
  key: string
  hello?: Partial<Hello>
}

/** A simulated daemon on a real WebSocket. A test controls it. It keeps every frame that it receives. */
export class LightDaemon {
  readonly frames: Frame[] = []
  readonly socket: WebSocket
  closed: { code: number; reason: string } | undefined

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => this.frames.push(JSON.parse(String(data)) as Frame))
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) }
    })
    socket.on('error', () => {})
  }

  /** Connects without a greeting. @throws an error with the HTTP status if the hub rejects the connection */
  static async dial(url: string, key: string): Promise<LightDaemon> {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers: { authorization: `Bearer ${key}` } })
    const daemon = new LightDaemon(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    return daemon
  }

  /** Connects, greets and waits for the welcome. */
  static async greet({ url, key, hello }: LightDaemonOptions): Promise<LightDaemon> {
    const daemon = await LightDaemon.dial(url, key)
    daemon.send(helloOf(hello))
    await daemon.received('server:welcome')
    return daemon
  }

  get offsets(): Record<string, number> {
    const welcome = this.frames.find(({ type }) => type === 'server:welcome')
    return (welcome?.offsets ?? {}) as Record<string, number>
  }

  send(message: object | string | Buffer) {
    this.socket.send(
      typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message),
    )
  }

  ofType(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type)
  }

  /** Waits for the `count`-th frame of a type. */
  received(type: string, count = 1): Promise<Frame> {
    return until(() => this.ofType(type)[count - 1], { what: `${type} number ${count}` }) as Promise<Frame>
  }

  /** Waits until the hub has acknowledged an agent's journal up to this offset. */
  async acknowledged(agentId: string, offset: number) {
    const acked = () =>
      this.ofType('agent:ack').some(
        ({ offsets }) => ((offsets as Record<string, number>)[agentId] ?? 0) >= offset,
      )
    await until(acked, { what: `an ack of ${offset} for ${agentId}` })
  }

  /** Waits for a command. */
  command(type: Command['type'], count = 1): Promise<Command> {
    return this.received(type, count) as unknown as Promise<Command>
  }

  answer(command: { type: string; command_id: string }, result: object = {}) {
    this.send({ type: `${command.type}:result`, command_id: command.command_id, ok: true, ...result })
  }

  /** Waits until the hub has read everything sent so far. */
  async settled() {
    const nonce = `n${this.frames.length}`
    this.send({ type: 'link:ping', nonce })
    await until(() => this.frames.some((frame) => frame.type === 'link:pong' && frame.nonce === nonce), {
      what: 'a pong',
    })
  }

  async ended(): Promise<{ code: number; reason: string }> {
    return (await until(() => this.closed, { what: 'the end of the connection' }))!
  }

  async close() {
    this.socket.close()
    await this.ended()
  }
}

const NOW = '2026-01-01T00:00:00.000Z'

const machineStatus: MachineStatus = {
  revision: 1,
  runtimes: [],
  problems: [],
  memory: { total_bytes: 1, available_bytes: 1 },
  disk: { total_bytes: 1, available_bytes: 1 },
  accepts_agents: true,
}

export const helloOf = (rest: Partial<Hello> = {}): Hello => ({
  type: 'machine:hello',
  protocol: PROTOCOL,
  machine_id: 'machine-1',
  instance_id: 'instance-1',
  hostname: 'host-1',
  os: 'linux',
  arch: 'x64',
  daemon_version: '0.1.0',
  node_version: '24.0.0',
  pid: 1,
  started_at: NOW,
  boot_id: 'boot',
  capabilities: [...DAEMON_CAPABILITIES],
  machine: machineStatus,
  agents: [],
  ...rest,
})

export const statusOf = (agentId: string, rest: Partial<AgentStatus> = {}): AgentStatus => ({
  agent_id: agentId,
  revision: 1,
  state: 'idle',
  since: NOW,
  runtime: 'claude',
  cwd: '/',
  run: 1,
  pending: [],
  undelivered_prompts: 0,
  begin: 0,
  acked: 0,
  end: 1_000_000_000,
  ...rest,
})

/** Returns a frame for a part of a journal that starts at `from`, with one event for each `step` bytes. */
export function frameOf(agentId: string, from: number, to: number, step = 10): Activity {
  const events: Event[] = []
  for (let offset = from; offset < to; offset += step)
    events.push({ kind: 'text', offset, index: 0, text: `at ${offset}` })
  return { type: 'agent:activity', agent_id: agentId, from, to, events }
}
