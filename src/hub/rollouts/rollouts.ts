import { randomBytes } from 'node:crypto'
import { type Clock, isoTime, type Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import {
  type CommandError,
  type HubRollout,
  type HubRolloutSummary,
  Commands as Schemas,
} from '../../protocol/index.ts'
import type { Audit } from '../audit/audit.ts'
import { HttpError } from '../http-error.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { ChangeFeed } from '../registry/change-feed.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'
import type { UserKeys } from '../registry/user-keys.ts'
import type { RolloutRecord } from '../store/rollout-records.ts'
import type { Store } from '../store/store.ts'
import { advance, after, halted, type Step, turnsIn, unavailableIn } from './advance.ts'
import type { BlockedVersions } from './blocked-versions.ts'
import type { World } from './observe.ts'
import type { UpdateOrder } from './orders.ts'
import { ACTIVE, isOver, newerThan, summaryOf, withRoom } from './rollout-list.ts'
import type { RolloutEvent } from './tables.ts'
import { TurnCounts } from './turn-counts.ts'
import { worldOf } from './world-of.ts'

/** Time after a change until the rollouts are advanced, in milliseconds, so that many changes count as one. */
const GATHER_MS = 50
/** Interval at which rollouts are advanced without a change: for soak times, and machines that stay away. */
const TICK_MS = 1000
/** Orders of people that take over a rollout: its orders have the name of the last such person. */
const TAKES_OVER: RolloutEvent[] = ['resume', 'roll_back']

export interface RolloutsOptions {
  store: Pick<Store, 'rollouts'>
  blocked: BlockedVersions
  machines: Pick<MachineRegistry, 'all'>
  commands: Pick<CommandQueue, 'get' | 'check' | 'submit' | 'withdraw' | 'events'>
  people: Pick<UserKeys, 'isGone'>
  agents: Pick<AgentRegistry, 'viewAt'>
  feed: ChangeFeed
  audit: Pick<Audit, 'order'>
  clock: Clock
  logger: Logger
}

/** The request of a person. */
type Wanted = Pick<
  RolloutRecord,
  'version' | 'groups' | 'max_unavailable' | 'soak_s' | 'halt_on' | 'offline_s' | 'allow_downgrade'
>

/**
 * The staged updates of groups of machines. Each step is stored before its orders are given, and each order has
 * an id that follows from the step. A hub that was killed therefore repeats no order, and omits none.
 */
export class Rollouts {
  readonly blocked: BlockedVersions
  readonly #options: RolloutsOptions
  readonly #startMs: number
  readonly #turns: TurnCounts
  #records: readonly RolloutRecord[] = []
  /** Orders that the hub itself refuses, until the refusals are stored. */
  readonly #refused = new Map<string, CommandError>()
  #turn: Promise<void> = Promise.resolve()
  #timer: Timer | undefined
  #dueMs = Infinity
  #isClosed = false

  constructor(options: RolloutsOptions) {
    this.#options = options
    this.blocked = options.blocked
    this.#startMs = options.clock.now()
    this.#turns = new TurnCounts(options)
  }

  /** Loads the rollouts, and continues them. Called once. */
  async load(): Promise<void> {
    const { store, feed, commands } = this.#options
    this.#records = await store.rollouts.all()
    feed.subscribe(({ kind }) => {
      if (kind === 'machine' || kind === 'machine_removed') this.#wake(GATHER_MS)
    })
    commands.events.on('settled', () => this.#wake(GATHER_MS))
    this.#wake(GATHER_MS)
  }

  /** Returns all rollouts without their machines, newest first. */
  list(): HubRolloutSummary[] {
    return this.#records.map((record) => summaryOf(record)).reverse()
  }

  /** Returns a rollout with its turns, and the machines that run a blocked version. @throws HttpError */
  get(id: string): HubRollout {
    const { machines } = this.#options
    const on_blocked = machines
      .all()
      .filter(({ daemon_version }) => this.blocked.has(daemon_version))
      .map(({ machine_id, daemon_version }) => ({ machine_id, version: daemon_version }))
    const record = this.#find(id)
    const world = this.#worldOf(record, this.#records)
    return {
      ...summaryOf(record),
      machines: record.machines,
      unavailable: unavailableIn(record, world),
      turns: turnsIn(record, world),
      on_blocked,
    }
  }

  /** Starts a rollout. @throws HttpError */
  async begin(wanted: Wanted, by: string | undefined): Promise<HubRollout> {
    const groups = [...new Set(wanted.groups)]
    const record: RolloutRecord = {
      ...wanted,
      groups,
      rollout_id: randomBytes(6).toString('hex'),
      ...(by !== undefined && { by }),
      created_at: isoTime(this.#options.clock.now()),
      state: 'running',
      wave: 0,
      machines: [],
    }
    const known = new Set(this.#options.machines.all().map(({ group }) => group))
    const unknown = groups.find((group) => !known.has(group))
    if (unknown !== undefined)
      throw new HttpError(404, 'group_not_found', `No machine is in the group ${unknown}.`, {
        path: 'groups',
        remedy: 'Put machines in it: `fomular-daemon machine group`.',
      })
    await this.#change((all) => {
      this.blocked.refuse(wanted.version)
      const other = all.find(
        (each) => ACTIVE.includes(each.state) && each.groups.some((group) => groups.includes(group)),
      )
      if (other)
        throw new HttpError(409, 'rollout_active', `The rollout ${other.rollout_id} is not finished.`, {
          remedy: `Wait for it, or cancel it: \`fomular-daemon machine rollout cancel ${other.rollout_id}\`.`,
        })
      return withRoom([...all, record])
    })
    return this.get(record.rollout_id)
  }

  /** Carries out a person's order about a rollout. @throws HttpError */
  async order(id: string, event: RolloutEvent, by: string | undefined): Promise<HubRollout> {
    this.#find(id)
    await this.#change((all) =>
      all.map((each) => {
        if (each.rollout_id !== id) return each
        if (event === 'resume') this.blocked.refuse(each.version)
        const other = newerThan(each, all).find(({ groups }) =>
          groups.some((group) => each.groups.includes(group)),
        )
        if (other && event !== 'cancel')
          throw new HttpError(409, 'rollout_superseded', `The rollout ${other.rollout_id} has replaced it.`, {
            remedy: 'Cancel that rollout first.',
          })
        const next = after(each, event)
        if (next && !TAKES_OVER.includes(event)) return next
        // Failed turns that a person has accepted no longer count.
        const turns_from = isoTime(this.#options.clock.now())
        const { by: _, ...rest } = next ?? {}
        if (next) return { ...(rest as RolloutRecord), turns_from, ...(by !== undefined && { by }) }
        throw new HttpError(409, 'rollout_state', `The rollout is ${each.state}.`, {
          remedy: 'Look at it: `fomular-daemon machine rollout show`.',
        })
      }),
    )
    return this.get(id)
  }

  /** Blocks a version, halts its rollouts, and withdraws its orders that no machine has received. @throws HttpError */
  async block(...about: Parameters<BlockedVersions['block']>) {
    const blocked = await this.blocked.block(...about)
    this.#options.commands.withdraw()
    await this.#change((all) => all.map((each) => this.#permitted(each)))
    return blocked
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    await this.#turn
  }

  #find(id: string): RolloutRecord {
    const found = this.#records.find(({ rollout_id }) => rollout_id === id)
    if (found) return found
    throw new HttpError(404, 'rollout_not_found', `Rollout ${id} not found.`, {
      remedy: 'List the rollouts: `fomular-daemon machine rollout list`.',
    })
  }

  #worldOf(record: RolloutRecord, all: readonly RolloutRecord[]): World {
    const { machines, commands, clock } = this.#options
    return worldOf(record, all, {
      now: clock.now(),
      startMs: this.#startMs,
      machines: machines.all(),
      turnsOf: (...about) => this.#turns.of(...about),
      outcomeOf: (id) => {
        const error = this.#refused.get(id)
        return commands.get(id) ?? (error && { state: 'failed', error })
      },
    })
  }

  /** Changes the stored list, keeps the result, and wakes the rollouts. */
  async #change(edit: (all: readonly RolloutRecord[]) => readonly RolloutRecord[]): Promise<void> {
    const deed = this.#turn.then(async () => {
      let changed = this.#records
      await this.#options.store.rollouts.change((stored) => {
        changed = edit(stored)
        return changed
      })
      this.#records = changed
    })
    this.#turn = deed.catch(() => {})
    await deed
    this.#wake(0)
  }

  #wake(ms: number) {
    const { clock, logger } = this.#options
    const dueMs = clock.monotonic() + ms
    if (this.#isClosed || this.#records.every((each) => isOver(each, this.#records)) || dueMs >= this.#dueMs)
      return
    if (this.#timer) clock.clearTimeout(this.#timer)
    this.#dueMs = dueMs
    this.#timer = clock.setTimeout(() => {
      this.#dueMs = Infinity
      this.#turn = this.#turn
        .then(() => this.#advanceAll())
        .catch((error) => logger.error({ err: error }, 'could not continue a rollout'))
      void this.#turn.then(() => this.#wake(TICK_MS))
    }, ms)
  }

  /** Stores the next step of each rollout, and then gives the orders. */
  async #advanceAll(): Promise<void> {
    const step = (all: readonly RolloutRecord[]) =>
      all.map((each): Step => {
        if (isOver(each, all)) return { rollout: each, orders: [], withdrawn: [] }
        return advance(this.#permitted(each), this.#worldOf(each, all))
      })
    let steps = step(this.#records)
    const next = steps.map(({ rollout }) => rollout)
    if (JSON.stringify(next) !== JSON.stringify(this.#records)) {
      await this.#options.store.rollouts.change((stored) => {
        steps = step(stored)
        return steps.map(({ rollout }) => rollout)
      })
      this.#records = steps.map(({ rollout }) => rollout)
    }
    this.#refused.clear()
    for (const { rollout, orders, withdrawn } of steps) {
      for (const id of withdrawn) this.#options.commands.withdraw(id)
      for (const order of orders) if (!this.#isClosed) await this.#give(rollout, order)
    }
  }

  /** Halts a rollout whose version is blocked, or whose orders would have the name of a revoked key. */
  #permitted(record: RolloutRecord): RolloutRecord {
    const { version, by } = record
    if (this.blocked.has(version)) return halted(record, `Version ${version} is blocked.`)
    if (by === undefined || !this.#options.people.isGone(by)) return record
    return halted(record, `The key ${by}, which gave its orders, was revoked.`, 'revoked')
  }

  /** Orders one machine to update. A failure of the hub, such as a full disk, is tried again with the next step. */
  async #give({ rollout_id, by }: RolloutRecord, order: UpdateOrder): Promise<void> {
    const { machine_id, command_id, version, allow_downgrade } = order
    const { commands, audit, logger } = this.#options
    const details = { version, rollout_id }
    const action = 'daemon:update'
    try {
      const command = Schemas[action].parse({ type: action, command_id, version, allow_downgrade, by })
      if (!commands.get(command_id)) {
        this.blocked.refuse(version)
        commands.check(machine_id, command)
        await audit.order({ ...(by !== undefined && { by }), action, machine_id, command_id, details })
      }
      await commands.submit(machine_id, command)
    } catch (error) {
      logger.warn({ err: error, machine_id, rollout_id }, 'could not order an update')
      if (!(error instanceof HttpError) || error.status !== 409) return
      const { code, message } = error
      this.#refused.set(command_id, { code, message })
      this.#wake(GATHER_MS)
    }
  }
}
