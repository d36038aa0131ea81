import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event, HubAgent, PermissionRequest } from '../../src/protocol/index.ts'
import { until } from '../support/wait.ts'
import type { Task } from './agent-program.ts'
import { Orders } from './orders.ts'
import type { Random } from './random.ts'
import type { Machine, World } from './world.ts'

/** Identifies a pending request of an agent. */
type Asked = Pick<PermissionRequest, 'request_id' | 'digest'>

/** The driver's knowledge of an agent that it has started. */
export interface Known {
  id: string
  machine: Machine
  /** True after a remove command was sent: the history may disappear at any time. */
  removing: boolean
  /** True if the client follows the agent's stream. If false, it sometimes reads the history page by page. */
  watched: boolean
  /** Events of the agent that this client has seen. */
  seen: Event[]
}

const TICK_MS = 30
const LOOK_MS = 300
const FOLLOW_MS = 60
const ASK_MS = 300
/** The driver watches one of this many agents. */
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
  interrupt: 5,
  configure: 4,
  stop: 4,
  remove: 2,
} as const

export interface DriverOptions {
  world: World
  random: Random
  agentsPerMachine: number
}

/**
 * A client that sends many commands to many agents through the hub's API, and repeats each command until it
 * is answered.
 */
export class Driver {
  readonly known = new Map<string, Known>()
  /** Maximum time for each step after the storm, in milliseconds. */
  patienceMs = 60_000
  readonly #world: World
  readonly #random: Random
  readonly #agentsPerMachine: number
  readonly #orders: Orders
  readonly #loops: Promise<void>[] = []
  #views = new Map<string, HubAgent>()
  #running = false

  constructor({ world, random, agentsPerMachine }: DriverOptions) {
    this.#world = world
    this.#random = random
    this.#agentsPerMachine = agentsPerMachine
    this.#orders = new Orders(world.api)
  }

  get issued() {
    return this.#orders.issued
  }

  get agents() {
    return [...this.known.values()]
  }

  /**
   * Makes every machine run an agent once: a daemon keeps the resources that it opens for its first agent.
   */
  async warmUp() {
    for (const machine of this.#world.machines) this.#start(machine)
    await this.finish()
    await this.all('remove')
    for (const agent of this.agents) agent.removing = true
  }

  start() {
    this.#running = true
    const follower = this.#random.fork('follower')
    this.#loops.push(
      this.#every(TICK_MS, async () => this.#act()),
      this.#every(LOOK_MS, () => this.#look()),
      this.#every(ASK_MS, () => this.#orders.look()),
      this.#every(FOLLOW_MS, async () => {
        const present = this.agents.filter(({ removing, watched }) => !removing && !watched)
        if (present.length > 0) await this.#follow(follower.pick(present))
      }),
    )
  }

  /** Stops sending new commands, but still repeats unanswered commands. */
  async stop() {
    this.#running = false
    await Promise.all(this.#loops)
  }

  /** Finishes all pending work: answers requests, and resumes agents with undelivered prompts. */
  async finish() {
    await this.#orders.settled(this.patienceMs)
    await until(
      async () => {
        await this.#look()
        const there = this.agents.flatMap(({ id }) => this.#views.get(id) ?? []).filter(({ gone }) => !gone)
        for (const { agent_id, pending } of there)
          for (const request of pending) this.#answer(agent_id, request, 'allow')
        const ended = there.filter(({ state }) => state === 'exited' || state === 'failed')
        for (const { agent_id, undelivered_prompts } of ended)
          if (undelivered_prompts > 0) this.#orders.give('resume', agent_id, {})
        await this.#orders.settled(this.patienceMs)
        return there.every(
          ({ state, undelivered_prompts, pending }) =>
            undelivered_prompts === 0 &&
            pending.length === 0 &&
            (state === 'idle' || state === 'exited' || state === 'failed'),
        )
      },
      { timeoutMs: this.patienceMs, what: 'the end of all turns' },
    ).catch((error) => {
      const open = [...this.#views.values()].filter(
        ({ state, undelivered_prompts }) =>
          undelivered_prompts > 0 || !['idle', 'exited', 'failed'].includes(state),
      )
      throw new Error(
        `${error.message}: ${JSON.stringify(open.map(({ agent_id, state, run, undelivered_prompts, pending, failure }) => ({ agent_id, state, run, undelivered_prompts, pending, failure })))}`,
      )
    })
  }

  /** Sends a command to every agent, and waits for all outcomes. */
  async all(kind: 'stop' | 'remove') {
    await this.#look()
    for (const { id } of this.agents)
      if (this.#views.has(id)) this.#orders.give(kind, id, kind === 'remove' ? { force: true } : {})
    await this.#orders.settled(this.patienceMs)
  }

  /** Waits until the hub has all activity. */
  async complete() {
    let behind: unknown[] = []
    await until(
      async () => {
        const agents = await this.#world.api.agents()
        behind = agents
          .filter(({ gone, offset, end }) => !gone && offset < end)
          .map(({ agent_id, state, offset, acked, end }) => ({ agent_id, state, offset, acked, end }))
        return behind.length === 0
      },
      { timeoutMs: this.patienceMs, what: 'all activity at the hub' },
    ).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(behind)}`)
    })
  }

  /** Reads the events of an agent that are newer than the events already read. */
  async #follow({ id, seen }: Known) {
    try {
      seen.push(...(await this.#world.api.events(id, lastOf(seen))))
    } catch {
      // The hub is not running, or does not know the agent yet.
    }
  }

  /** Follows an agent's stream, and continues it after a break. */
  async #watch({ id, seen }: Known) {
    while (this.#running) {
      const reader = await this.#world.api.stream(id, lastOf(seen)).catch(() => undefined)
      while (this.#running && reader && !reader.ended) {
        await sleep(FOLLOW_MS)
        seen.push(
          ...reader.messages
            .splice(0)
            .flatMap(({ event, data }) => (event === 'activity' ? [data as Event] : [])),
        )
      }
      reader?.close()
      await sleep(FOLLOW_MS)
    }
  }

  async #every(ms: number, run: () => Promise<void>) {
    while (this.#running) {
      await run().catch(() => {})
      await sleep(ms)
    }
  }

  async #look() {
    this.#views = new Map((await this.#world.api.agents()).map((agent) => [agent.agent_id, agent]))
  }

  #act() {
    const random = this.#random
    // Draws the random values before it reads any state, because the state depends on the machine's speed.
    const action = random.weighted(ACTIONS)
    const machine = random.pick(this.#world.machines)
    const pick = random.next()
    if (this.#orders.inFlight >= MOST_IN_FLIGHT) return
    const present = this.agents.filter((agent) => !agent.removing && agent.machine === machine)
    const choose = <T>(from: T[]): T | undefined => from[Math.floor(pick * from.length)]
    const inState = (...states: string[]) =>
      present.filter(({ id }) => states.includes(this.#views.get(id)?.state ?? 'unknown'))
    if (present.length < this.#agentsPerMachine && (action === 'start' || present.length === 0))
      return this.#start(machine)
    switch (action) {
      case 'again': {
        const again = choose(this.issued.slice(-LATELY))
        if (again) this.#orders.send(again)
        return
      }
      case 'permission': {
        const asking = present.flatMap(
          ({ id }) => this.#views.get(id)?.pending.map((p) => ({ id, ...p })) ?? [],
        )
        const asked = choose(asking)
        if (!asked) return
        this.#answer(asked.id, asked, random.pick(['allow', 'deny']))
        // A second client answers, too.
        if (random.chance(0.3)) this.#answer(asked.id, asked, random.pick(['allow', 'deny']))
        return
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

  #start(machine: Machine) {
    const id = `a${this.known.size + 1}`
    const known = { id, machine, removing: false, watched: this.known.size % WATCHED_EVERY === 0, seen: [] }
    this.known.set(id, known)
    if (known.watched) this.#loops.push(this.#watch(known))
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

  #answer(agentId: string, { request_id, digest }: Asked, decision: 'allow' | 'deny') {
    const by = { by: this.#orders.nextId }
    this.#orders.give('permission', agentId, {
      request_id,
      ...(digest !== undefined && { digest }),
      decision,
      ...(decision === 'allow' ? { input: by } : { message: by.by }),
    })
  }
}

const lastOf = (seen: Event[]) => {
  const last = seen.at(-1)
  return last ? `${last.offset}.${last.index}` : ''
}
