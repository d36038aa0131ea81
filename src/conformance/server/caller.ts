import { randomBytes } from 'node:crypto'
import { type ClientOptions, WebSocket } from 'ws'
import { trust } from '../../platform/trust.ts'
import { unreachable } from '../../platform/unreachable.ts'
import { VERSION } from '../../platform/version.ts'
import {
  type Activity,
  type AgentStatus,
  type Event,
  type Hello,
  isCommand,
  Limits,
  PROTOCOL,
  parseFromServer,
} from '../../protocol/index.ts'
import { Connection } from '../connection.ts'
import { type Point, Unmet } from '../point.ts'

/** Time limit for opening a connection, and time limit from the greeting to the welcome, in ms. */
const GREETING_MS = 15_000

/**
 * Time, in ms, for the server to end its TCP connection after its close frame. After that time, this side
 * ends the connection.
 */
const CLOSE_MS = 2000
/** Option that is missing in the types of the package `ws`. */
const PATIENCE: object = { closeTimeout: CLOSE_MS }

/** Default time for an answer, in ms. */
const ANSWER_MS = 10_000

export interface ServerAddress {
  url: string
  key: string
  /** Certificate of a private authority, in PEM. */
  ca?: string
  /** Agent for the proxy to the server. */
  agent?: ClientOptions['agent']
}

export interface CallerOptions extends ServerAddress {
  /** Time limit, in ms, for an answer that requires only reading the message and writing to a disk. */
  answerMs?: number
  /** Time to wait for a person to give a command at the server, in ms; 0 not to wait. */
  commandMs: number
  /** Asks a person to give that command. */
  invite(machineId: string): void
}

/** A machine that exists for one run: connects, greets, and stores the server's frames. */
export class Caller {
  readonly options: CallerOptions
  readonly machineId: string
  readonly #agents = new Map<string, AgentStatus>()
  readonly #connections: Connection[] = []
  #instances = 0

  constructor(options: CallerOptions) {
    this.options = options
    this.machineId = `conformance-${randomBytes(4).toString('hex')}`
  }

  /** Opens a connection without a greeting. @throws Unmet */
  dial(key = this.options.key, more: ClientOptions = {}): Promise<Connection> {
    const { url, ca, agent } = this.options
    const socket = new WebSocket(url, {
      headers: { authorization: `Bearer ${key}`, 'user-agent': `fomular-daemon/${VERSION} conformance` },
      maxPayload: Limits.frame_bytes,
      perMessageDeflate: false,
      handshakeTimeout: GREETING_MS,
      followRedirects: false,
      ...PATIENCE,
      ...trust(url, ca),
      ...(agent && { agent }),
      ...more,
    })
    const connection = new Connection(
      socket,
      (text) => {
        const parsed = parseFromServer(text)
        return parsed.ok ? undefined : parsed.error?.message
      },
      this.options.answerMs ?? ANSWER_MS,
    )
    this.#connections.push(connection)
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(connection))
      socket.once('unexpected-response', (request, response) => {
        request.destroy()
        reject(new Refused(response.statusCode ?? 0))
      })
      socket.once('error', (error) => reject(new Unmet(unreachable(error))))
    })
  }

  hello(rest: Partial<Hello> = {}): Hello & Record<string, unknown> {
    const now = new Date().toISOString()
    return {
      type: 'machine:hello',
      protocol: PROTOCOL,
      machine_id: this.machineId,
      instance_id: `${this.machineId}-${++this.#instances}`,
      hostname: 'conformance',
      os: process.platform,
      arch: process.arch,
      daemon_version: VERSION,
      node_version: process.versions.node,
      pid: process.pid,
      started_at: now,
      boot_id: this.machineId,
      capabilities: ['machine:check', 'journal:generations', 'conformance:a-capability-of-tomorrow'],
      machine: {
        revision: this.#instances,
        runtimes: [],
        problems: [],
        memory: { total_bytes: 1, available_bytes: 1 },
        disk: { total_bytes: 1, available_bytes: 1 },
        accepts_agents: false,
      },
      agents: [...this.#agents.values()],
      ...rest,
    }
  }

  /** Connects, greets and waits for the welcome. @throws Unmet */
  async greet(rest: Partial<Hello> = {}, more: ClientOptions = {}): Promise<Connection> {
    const connection = await this.dial(this.options.key, more)
    connection.send(this.hello(rest))
    await connection.frame('server:welcome', () => true, 0, GREETING_MS)
    return connection
  }

  /** Adds an ended agent to every further greeting, and returns its id. */
  agent(what: string, rest: Partial<AgentStatus> = {}): string {
    const agent_id = `${this.machineId}-${what}`
    this.#agents.set(agent_id, {
      agent_id,
      revision: 1,
      state: 'exited',
      since: new Date().toISOString(),
      runtime: 'claude',
      title: 'Conformance',
      cwd: '/',
      run: 1,
      pending: [],
      undelivered_prompts: 0,
      exit: { code: 0, reason: 'finished' },
      begin: 0,
      acked: 0,
      end: 2 ** 40,
      ...rest,
    })
    return agent_id
  }

  /** Returns an agent's status, as in the greeting. */
  status(agentId: string): AgentStatus | undefined {
    return this.#agents.get(agentId)
  }

  /** Commands received over all connections. */
  get commands() {
    return this.#connections.flatMap(({ frames }) => frames.filter(isCommand))
  }

  /** Faults of the server's frames, over all connections. */
  get faults() {
    return this.#connections.flatMap(({ faults }) => faults)
  }

  async close() {
    await Promise.all(this.#connections.map((connection) => connection.close()))
  }
}

/** The server answered the upgrade with an HTTP status instead of a WebSocket. */
export class Refused extends Unmet {
  readonly status: number

  constructor(status: number) {
    super(`the server answers HTTP ${status} instead of a WebSocket`)
    this.status = status
  }
}

/** Returns an activity frame for bytes `[from, to)` of a journal, with one event. */
export function activity(agent_id: string, from: number, to: number, rest: Partial<Event> = {}): Activity {
  const event = { kind: 'text', offset: from, index: 0, text: `bytes ${from} to ${to}`, ...rest }
  return { type: 'agent:activity', agent_id, from, to, events: [event as Event] }
}

/**
 * Sends bytes `[from, to)` and waits for the acknowledgment.
 * @param have offset that the server must acknowledge; by default, `to`
 */
export async function taken(connection: Connection, agentId: string, from: number, to: number, have = to) {
  const behind = connection.frames.length
  connection.send(activity(agentId, from, to))
  await acknowledged(connection, agentId, have, behind)
}

/** Returns a point that needs one connection and one agent. The agent is named after the point. */
export const ofOneAgent = ({
  status,
  check,
  ...point
}: Omit<Point<Caller>, 'check'> & {
  status?: Partial<AgentStatus>
  check(connection: Connection, agentId: string, caller: Caller): Promise<void>
}): Point<Caller> => ({
  ...point,
  async check(caller) {
    const agent = caller.agent(point.name, status)
    const connection = await caller.greet()
    await check(connection, agent, caller)
    await connection.close()
  },
})

/**
 * Waits until the server acknowledges exactly this offset.
 * @param from index of the first frame that counts
 */
export async function acknowledged(
  connection: Connection,
  agentId: string,
  to: number,
  from = 0,
  ms?: number,
) {
  const offsetOf = (offsets: unknown) => (offsets as Record<string, number>)[agentId]
  await connection
    .frame(
      'agent:ack',
      ({ offsets }) => {
        const offset = offsetOf(offsets)
        if (offset !== undefined && offset > to)
          throw new Unmet(`agent:ack of ${offset}, although only ${to} was sent`)
        return offset === to
      },
      from,
      ms,
    )
    .catch((error) => {
      if (!(error instanceof Unmet) || !error.message.startsWith('no agent:ack')) throw error
      throw new Unmet(error.message.replace('no agent:ack', `no agent:ack of ${to}`))
    })
}
