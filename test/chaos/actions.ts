import { createHash } from 'node:crypto'
import { promptId } from '../../src/agents/events/ids.ts'
import type { PermissionRequest } from '../../src/protocol/index.ts'
import type { Task } from './agent-program.ts'
import type { Agents, Known } from './agents.ts'
import type { Orders } from './orders.ts'
import type { Random } from './random.ts'
import type { Machine, World } from './world.ts'

/** Identifies a pending request of an agent. */
type Asked = Pick<PermissionRequest, 'request_id' | 'digest'>

/** The driver watches one in `WATCHED_EVERY` agents. */
const WATCHED_EVERY = 4
const MOST_IN_FLIGHT = 48
/** Number of recent commands to remember; the driver sometimes sends one of them again. */
const LATELY = 60

const ACTIONS = {
  prompt: 46,
  again: 16,
  permission: 14,
  start: 10,
  resume: 10,
  withdraw: 8,
  interrupt: 5,
  configure: 4,
  stop: 4,
  remove: 2,
} as const

export interface ActionsOptions {
  world: World
  random: Random
  agentsPerMachine: number
  agents: Agents
  orders: Orders
  /** Called for each agent that the client is to watch. */
  watch(agent: Known): void
}

/** The random commands of the driver. */
export class Actions {
  readonly #world: World
  readonly #random: Random
  readonly #agentsPerMachine: number
  readonly #agents: Agents
  readonly #orders: Orders
  readonly #watch: (agent: Known) => void

  constructor({ world, random, agentsPerMachine, agents, orders, watch }: ActionsOptions) {
    this.#world = world
    this.#random = random
    this.#agentsPerMachine = agentsPerMachine
    this.#agents = agents
    this.#orders = orders
    this.#watch = watch
  }

  /** Sends a random command. */
  act() {
    const random = this.#random
    // Draws the random values before it reads any state, because the state depends on the machine's speed.
    const action = random.weighted(ACTIONS)
    const machine = random.pick(this.#world.machines)
    const pick = random.next()
    if (this.#orders.inFlight >= MOST_IN_FLIGHT) return
    const present = this.#agents.all.filter((agent) => !agent.removing && agent.machine === machine)
    const choose = <T>(from: T[]): T | undefined => from[Math.floor(pick * from.length)]
    const inState = (...states: string[]) =>
      present.filter(({ id }) => states.includes(this.#agents.views.get(id)?.state ?? 'unknown'))
    if (present.length < this.#agentsPerMachine && (action === 'start' || present.length === 0))
      return this.start(machine)
    switch (action) {
      case 'again': {
        const again = choose(this.#orders.issued.slice(-LATELY))
        if (again) this.#orders.send(again)
        return
      }
      case 'permission': {
        const asking = present.flatMap(
          ({ id }) => this.#agents.views.get(id)?.pending.map((p) => ({ id, ...p })) ?? [],
        )
        const asked = choose(asking)
        if (!asked) return
        this.answer(asked.id, asked, random.pick(['allow', 'deny']))
        // Sometimes a second client answers the same request.
        if (random.chance(0.3)) this.answer(asked.id, asked, random.pick(['allow', 'deny']))
        return
      }
      case 'withdraw': {
        const agent = choose(present)
        const prompts = this.#orders.issued.filter(({ agent: id, digest }) => id === agent?.id && digest)
        const late = prompts.at(-1 - random.int(0, 2))
        if (!agent || !late) return
        return this.#orders.give('withdraw', agent.id, {
          prompt_id: promptId(agent.id, late.id),
          withdrawn: late.id,
        })
      }
      case 'resume':
      case 'remove': {
        const agent = choose(random.chance(0.9) ? inState('exited', 'failed') : present)
        if (!agent) return
        if (action === 'remove') agent.removing = true
        const prompted = random.chance(0.5)
        return this.#orders.give(
          action,
          agent.id,
          action === 'remove' ? { force: random.chance(0.7) } : prompted ? this.#prompt('prompt') : {},
        )
      }
      default: {
        const agent = choose(random.chance(0.9) ? inState('starting', 'idle', 'working', 'waiting') : present)
        if (agent) this.#tell(action, agent.id)
      }
    }
  }

  #tell(action: 'prompt' | 'interrupt' | 'configure' | 'stop' | 'start', agentId: string) {
    const random = this.#random
    switch (action) {
      case 'interrupt':
        return this.#orders.give('interrupt', agentId, { cancel_queued: random.chance(0.3) })
      case 'configure':
        return this.#orders.give('configure', agentId, {
          model: `m${random.int(1, 9)}`,
          permission_mode: 'plan',
        })
      case 'stop':
        return this.#orders.give('stop', agentId, { grace_s: 1 })
      default:
        return this.#orders.give('prompt', agentId, this.#prompt('content'))
    }
  }

  /** Starts an agent. */
  start(machine: Machine) {
    const id = `a${this.#agents.known.size + 1}`
    const known: Known = {
      id,
      machine,
      removing: false,
      watched: this.#agents.known.size % WATCHED_EVERY === 0,
      seen: [],
    }
    this.#agents.known.set(id, known)
    if (known.watched) this.#watch(known)
    const random = this.#random
    const prompt = random.chance(0.7) ? this.#prompt('prompt') : {}
    const restart = random.chance(0.3) ? { restart: { policy: random.pick(['on-loss', 'on-failure']) } } : {}
    const { prompt: content, prompt_sha256 } = prompt as { prompt?: string; prompt_sha256?: string }
    this.#orders.give('start', id, {
      machine_id: machine.id(),
      agent_id: id,
      spec: { cwd: machine.cwd, ...restart, ...(content !== undefined && { prompt: content }) },
      ...(prompt_sha256 && { prompt_sha256 }),
    })
  }

  /** Returns a prompt with the id of its command. */
  #prompt(field: 'prompt' | 'content'): Record<string, unknown> {
    const random = this.#random
    const task: Task = {
      id: this.#orders.nextId,
      lines: random.int(1, 40),
      bytes: random.chance(0.02) ? 400_000 : random.int(20, 3000),
      delay_ms: random.int(0, 60),
      ...(random.chance(0.3) && { ask: true }),
      ...(random.chance(0.04) && { exit: random.int(0, 3) }),
      ...(random.chance(0.03) && { tear: true }),
      ...(random.chance(0.05) && { stray: true }),
    }
    const size = random.chance(0.02) ? 3_000_000 : random.chance(0.1) ? 100_000 : random.int(0, 2000)
    const content = `${JSON.stringify(task)}\n${'y'.repeat(size)}`
    return { [field]: content, prompt_sha256: createHash('sha256').update(content).digest('hex') }
  }

  answer(agentId: string, { request_id, digest }: Asked, decision: 'allow' | 'deny') {
    const by = { by: this.#orders.nextId }
    this.#orders.give('permission', agentId, {
      request_id,
      ...(digest !== undefined && { digest }),
      decision,
      ...(decision === 'allow' ? { input: by } : { message: by.by }),
    })
  }
}
