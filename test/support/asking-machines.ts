import { join } from 'node:path'
import type { AgentStatus, Command, PermissionRequest } from '../../src/protocol/index.ts'
import { TestHub } from './hub.ts'
import { type LightDaemon, statusOf } from './light-daemon.ts'
import { Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'
import { Terminal } from './terminal.ts'
import { until } from './wait.ts'

type Answer = Extract<Command, { type: 'agent:permission' | 'agent:answer' }>

/** Machines by the ids of their agents. */
const NAMES: Readonly<Record<string, string>> = { one: 'alpha', two: 'beta' }

/** Two simulated machines at a hub, each with an agent, and the terminal of a person who answers them. */
export class AskingMachines {
  readonly hub: TestHub
  readonly stage: Stage
  readonly #t: Cleanup
  readonly #machines: Record<string, LightDaemon> = {}
  /** Lengths of the agents' histories, in bytes. */
  readonly #ends = new Map<string, number>()
  #revision = 1

  private constructor(t: Cleanup, hub: TestHub, stage: Stage) {
    this.#t = t
    this.hub = hub
    this.stage = stage
  }

  /** The agent `one` is on the machine `alpha`, and the agent `two` on the machine `beta`. */
  static async open(t: Cleanup): Promise<AskingMachines> {
    const hub = await TestHub.open(t)
    const stage = await Stage.open(t, { FOMULAR_HUB_KEY_FILE: join(hub.dir, 'user.key') })
    stage.env.FOMULAR_HUB_URL = hub.url
    const machines = new AskingMachines(t, hub, stage)
    for (const agent of Object.keys(NAMES))
      machines.#machines[agent] = await machines.#connect(agent, statusOf(agent))
    return machines
  }

  #connect(agent: string, status: AgentStatus): Promise<LightDaemon> {
    const name = NAMES[agent]!
    return this.hub.daemon({ machine_id: `machine-${name}`, hostname: name, agents: [status] })
  }

  /** Reports the requests of an agent. */
  async pends(agent: string, ...pending: PermissionRequest[]) {
    await this.status(agent, { state: pending.length > 0 ? 'waiting' : 'working', pending })
  }

  async status(agent: string, rest: Partial<AgentStatus>) {
    const since = new Date().toISOString()
    const end = this.#ends.get(agent) ?? 0
    const status = statusOf(agent, { revision: ++this.#revision, since, cwd: `/srv/${agent}`, end, ...rest })
    this.#machines[agent]!.send({ type: 'agent:status', ...status })
    await this.#machines[agent]!.settled()
  }

  /** Adds events to the history of an agent. */
  async tells(agent: string, ...events: object[]) {
    const from = this.#ends.get(agent) ?? 0
    const to = from + events.length
    this.#ends.set(agent, to)
    const placed = events.map((event, at) => ({ offset: from + at, index: 0, ...event }))
    this.#machines[agent]!.send({ type: 'agent:activity', agent_id: agent, from, to, events: placed })
    await this.#machines[agent]!.acknowledged(agent, to)
  }

  /** Disconnects the machine of an agent. */
  async leave(agent: string) {
    await this.#machines[agent]!.close()
  }

  /** Connects the machine of an agent again. The agent has these requests. */
  async back(agent: string, ...pending: PermissionRequest[]) {
    const status = statusOf(agent, { revision: ++this.#revision, state: 'waiting', pending })
    this.#machines[agent] = await this.#connect(agent, status)
  }

  /** Waits for the next answer to an agent, accepts it, and reports that nothing waits any more. */
  async answered(agent: string, count = 1): Promise<Answer> {
    const machine = this.#machines[agent]!
    const all = () =>
      machine.frames.filter(({ type }) => type === 'agent:permission' || type === 'agent:answer')
    await until(() => all().length >= count, { what: `answer ${count} for ${agent}` })
    const answer = all()[count - 1] as unknown as Answer
    machine.answer(answer)
    await this.pends(agent)
    return answer
  }

  terminal(): Promise<Terminal> {
    return Terminal.open(this.#t, this.stage)
  }
}
