import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../support/wait.ts'
import { Actions } from './actions.ts'
import { Agents, FOLLOW_MS } from './agents.ts'
import { Orders } from './orders.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

const TICK_MS = 30
const LOOK_MS = 300
const ASK_MS = 300

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
  /** Maximum time for each step that follows the last fault, in milliseconds. */
  patienceMs = 60_000
  readonly #world: World
  readonly #random: Random
  readonly #agents: Agents
  readonly #orders: Orders
  readonly #actions: Actions
  readonly #loops: Promise<void>[] = []
  #running = false

  constructor({ world, random, agentsPerMachine }: DriverOptions) {
    this.#world = world
    this.#random = random
    this.#agents = new Agents(world.api)
    this.#orders = new Orders(world.api)
    this.#actions = new Actions({
      world,
      random,
      agentsPerMachine,
      agents: this.#agents,
      orders: this.#orders,
      watch: (agent) => this.#loops.push(this.#agents.watch(agent, () => this.#running)),
    })
  }

  get issued() {
    return this.#orders.issued
  }

  get agents() {
    return this.#agents.all
  }

  /**
   * Makes every machine run one agent, because a daemon opens some resources for its first agent and keeps
   * them.
   */
  async warmUp() {
    for (const machine of this.#world.machines) this.#actions.start(machine)
    await this.finish()
    await this.all('remove')
    for (const agent of this.agents) agent.removing = true
  }

  start() {
    this.#running = true
    const follower = this.#random.fork('follower')
    this.#loops.push(
      this.#every(TICK_MS, async () => this.#actions.act()),
      this.#every(LOOK_MS, () => this.#agents.look()),
      this.#every(ASK_MS, () => this.#orders.look()),
      this.#every(FOLLOW_MS, async () => {
        const present = this.agents.filter(({ removing, watched }) => !removing && !watched)
        if (present.length > 0) await this.#agents.follow(follower.pick(present))
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
        await this.#agents.look()
        const there = this.agents
          .flatMap(({ id }) => this.#agents.views.get(id) ?? [])
          .filter(({ gone }) => !gone)
        for (const { agent_id, pending } of there)
          for (const request of pending) this.#actions.answer(agent_id, request, 'allow')
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
      const open = [...this.#agents.views.values()].filter(
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
    await this.#agents.look()
    for (const { id } of this.agents)
      if (this.#agents.views.has(id)) this.#orders.give(kind, id, kind === 'remove' ? { force: true } : {})
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

  async #every(ms: number, run: () => Promise<void>) {
    while (this.#running) {
      await run().catch(() => {})
      await sleep(ms)
    }
  }
}
