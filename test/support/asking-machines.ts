import { join } from 'node:path'
import type { AgentStatus, Command, PermissionRequest } from '../../src/protocol/index.ts'
import { TestHub } from './hub.ts'
import { type LightDaemon, statusOf } from './light-daemon.ts'
import { Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'
import { Terminal } from './terminal.ts'
import { until } from './wait.ts'

type Answer = Extract<Command, { type: 'agent:permission' | 'agent:answer' }>

/** Two simulated machines at a hub, each with an agent, and the terminal of a person who answers them. */
export class AskingMachines {
  readonly hub: TestHub
  readonly stage: Stage
  readonly #t: Cleanup
  readonly #machines: Record<string, LightDaemon>
  #revision = 1

  private constructor(t: Cleanup, hub: TestHub, stage: Stage, machines: Record<string, LightDaemon>) {
    this.#t = t
    this.hub = hub
    this.stage = stage
    this.#machines = machines
  }

  /** The agent `one` is on the machine `alpha`, and the agent `two` on the machine `beta`. */
  static async open(t: Cleanup): Promise<AskingMachines> {
    const hub = await TestHub.open(t)
    const stage = await Stage.open(t, { FOMULAR_HUB_KEY_FILE: join(hub.dir, 'user.key') })
    stage.env.FOMULAR_HUB_URL = hub.url
    const machine = (name: string, agent: string) =>
      hub.daemon({ machine_id: `machine-${name}`, hostname: name, agents: [statusOf(agent)] })
    return new AskingMachines(t, hub, stage, {
      one: await machine('alpha', 'one'),
      two: await machine('beta', 'two'),
    })
  }

  /** Reports the requests of an agent. */
  async pends(agent: string, ...pending: PermissionRequest[]) {
    await this.status(agent, { state: pending.length > 0 ? 'waiting' : 'working', pending })
  }

  async status(agent: string, rest: Partial<AgentStatus>) {
    const since = new Date().toISOString()
    const status = statusOf(agent, { revision: ++this.#revision, since, cwd: `/srv/${agent}`, ...rest })
    this.#machines[agent]!.send({ type: 'agent:status', ...status })
    await this.#machines[agent]!.settled()
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
