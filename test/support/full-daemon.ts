import type { AgentStatus, MachineStatus } from '../../src/protocol/index.ts'
import { fullEvents, fullSample, valuesOf } from './full-sample.ts'
import { helloOf, LightDaemon, statusOf } from './light-daemon.ts'

/** A value that no version knows. */
const NEW = 'of_tomorrow'
const newer = { [NEW]: { any: ['thing'] } }

type Said = { kind: string } & Record<string, unknown>

/** Returns every kind of event with every field, and one event of an unknown kind. */
export const allEvents = (): Said[] => [...fullEvents(), { kind: NEW, ...newer }]

/** Returns events of known kinds with an unknown value in each closed set. */
export const eventsOfTomorrow = (): Said[] => [
  { kind: 'state', state: NEW },
  { kind: 'prompt_state', prompt_id: 'p', state: NEW },
  { kind: 'task', task_id: 't', phase: NEW, info: {} },
  { kind: 'permission_request', request_id: 'r', ask: NEW, tool: 'Bash', input: {} },
  { kind: 'unreadable', reason: NEW, bytes: 1, text: '' },
  { kind: 'user', content: [{ type: NEW, ...newer }] },
  { kind: 'process_exited', run: 1, code: 0, reason: NEW },
]

/** Returns a greeting with an agent for each state, and with every field of a machine and an agent. */
export function fullHello() {
  const machine = fullSample('MachineStatus') as MachineStatus
  const [problem] = machine.problems
  machine.problems = valuesOf('HealthProblemCode').map((code) => ({ ...problem!, code }))
  const full = { ...(fullSample('AgentStatus') as AgentStatus), begin: 0, acked: 0, end: 1_000_000 }
  const agents = (valuesOf('AgentState') as AgentStatus['state'][]).map((state) => ({
    ...full,
    agent_id: `in-${state}`,
    state,
  }))
  const labels = { site: 'berlin' }
  return { ...helloOf(), labels, machine, agents: [...agents, statusOf('plain')] }
}

/** Returns a greeting like `fullHello`, but with an unknown value in each closed set. */
export function helloOfTomorrow() {
  const hello = fullHello()
  const [problem] = hello.machine.problems
  const [runtime] = hello.machine.runtimes
  const exit = { reason: NEW }
  const pending = [{ request_id: 'r', ask: NEW, tool: 'Bash', input: {} }]
  const agents = [...hello.agents, { ...statusOf('of-tomorrow'), state: NEW, exit, pending }]
  const machine = {
    ...hello.machine,
    problems: [{ ...problem!, severity: NEW }],
    runtimes: [{ ...runtime!, login: NEW }],
  }
  return { ...hello, machine, agents } as unknown as ReturnType<typeof fullHello>
}

/** A simulated daemon that sends a full greeting, and then events, each in a separate frame. */
export class FullDaemon {
  readonly light: LightDaemon
  readonly #hello: ReturnType<typeof fullHello>

  private constructor(light: LightDaemon, hello: ReturnType<typeof fullHello>) {
    this.light = light
    this.#hello = hello
  }

  static async greet(url: string, key: string, hello: ReturnType<typeof fullHello>): Promise<FullDaemon> {
    return new FullDaemon(await LightDaemon.greet({ url, key, hello }), hello)
  }

  /**
   * Sends events, beginning at the offset that the hub has.
   * @throws if the hub does not acknowledge an event
   */
  async did(agent_id: string, events: Said[]) {
    let from = this.light.offsets[agent_id] ?? 0
    for (const event of events) {
      const to = from + 10
      const frame = { type: 'agent:activity', agent_id, from, to, journal: '5be0c2f1' }
      this.light.send({ ...frame, events: [{ ...event, offset: from, index: 0 }] })
      await this.light.acknowledged(agent_id, to).catch((error) => {
        throw new Error(`${event.kind}: ${error.message}; ${JSON.stringify(this.faults)}`)
      })
      from = to
    }
  }

  /** Sends the statuses of the greeting again, and an unknown message. */
  async says() {
    for (const status of this.#hello.agents)
      this.light.send({ type: 'agent:status', ...status, revision: status.revision + 1 })
    const { machine } = this.#hello
    this.light.send({ type: 'machine:status', ...machine, revision: machine.revision + 1 })
    this.light.send({ type: 'agent:of-tomorrow', ...newer })
    await this.light.settled()
  }

  get faults() {
    return this.light.ofType('protocol:error')
  }
}
