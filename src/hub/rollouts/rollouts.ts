import { randomBytes } from 'node:crypto'
import { type Clock, isoTime, type Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { type HubRollout, Commands as Schemas } from '../../protocol/index.ts'
import type { Audit } from '../audit/audit.ts'
import { HttpError } from '../http-error.ts'
import type { ChangeFeed } from '../registry/change-feed.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'
import type { RolloutRecord } from '../store/rollout-records.ts'
import type { Store } from '../store/store.ts'
import { advance, after, halted, type UpdateOrder, unavailableIn, type World } from './advance.ts'
import { BlockedVersions } from './blocked-versions.ts'
import type { RolloutEvent } from './tables.ts'

/** Time after a change until the rollouts are advanced, in milliseconds, so that many changes count as one. */
const GATHER_MS = 50
/** Interval at which rollouts are advanced without a change: for soak times, and machines that stay away. */
const TICK_MS = 1000
/** Maximum number of rollouts that are kept. The oldest are forgotten first. */
const MOST = 50
/** States in which a group cannot get another rollout. */
const ACTIVE = ['running', 'soaking', 'paused', 'halted', 'rolling_back']

export interface RolloutsOptions {
  store: Pick<Store, 'rollouts' | 'blocked'>
  machines: Pick<MachineRegistry, 'all'>
  commands: Pick<CommandQueue, 'get' | 'submit' | 'events'>
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
  #records: readonly RolloutRecord[] = []
  #turn: Promise<void> = Promise.resolve()
  #timer: Timer | undefined
  #dueMs = Infinity
  #isClosed = false

  constructor(options: RolloutsOptions) {
    this.#options = options
    this.blocked = new BlockedVersions(options.store.blocked, options.clock)
    this.#startMs = options.clock.now()
  }

  /** Loads the rollouts, and continues them. Called once. */
  async load(): Promise<void> {
    const { store, feed, commands } = this.#options
    await this.blocked.load()
    this.#records = await store.rollouts.all()
    feed.subscribe(({ kind }) => {
      if (kind === 'machine' || kind === 'machine_removed') this.#wake(GATHER_MS)
    })
    commands.events.on('settled', () => this.#wake(GATHER_MS))
    this.#wake(GATHER_MS)
  }

  /** Returns all rollouts, newest first. */
  list(): HubRollout[] {
    return this.#records.map((record) => this.#view(record)).reverse()
  }

  /** Returns a rollout with the machines that run a blocked version. @throws HttpError */
  get(id: string): HubRollout {
    const { machines } = this.#options
    const on_blocked = machines
      .all()
      .filter(({ daemon_version }) => this.blocked.has(daemon_version))
      .map(({ machine_id, daemon_version }) => ({ machine_id, version: daemon_version }))
    return { ...this.#view(this.#find(id)), on_blocked }
  }

  /** Starts a rollout. @throws HttpError */
  async begin(wanted: Wanted, by: string | undefined): Promise<HubRollout> {
    this.blocked.refuse(wanted.version)
    const groups = [...new Set(wanted.groups)]
    const record: RolloutRecord = {
      ...wanted,
      groups,
      rollout_id: randomBytes(6).toString('hex'),
      ...(by !== undefined && { by }),
      created_at: isoTime(this.#options.clock.now()),
      state: 'running',
      wave: 0,
      forgiven: 0,
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
      const other = all.find(
        (each) => ACTIVE.includes(each.state) && each.groups.some((group) => groups.includes(group)),
      )
      if (other)
        throw new HttpError(409, 'rollout_active', `The rollout ${other.rollout_id} is not finished.`, {
          remedy: 'Wait for it, or cancel it.',
        })
      return withRoom([...all, record])
    })
    return this.get(record.rollout_id)
  }

  /** Carries out a person's order about a rollout. @throws HttpError */
  async order(id: string, event: RolloutEvent): Promise<HubRollout> {
    const { version } = this.#find(id)
    if (event === 'resume') this.blocked.refuse(version)
    await this.#change((all) =>
      all.map((each) => {
        if (each.rollout_id !== id) return each
        const other = newerThan(each, all).find(({ groups }) =>
          groups.some((group) => each.groups.includes(group)),
        )
        if (other && event !== 'cancel')
          throw new HttpError(409, 'rollout_superseded', `The rollout ${other.rollout_id} has replaced it.`, {
            remedy: 'Cancel that rollout first.',
          })
        const next = after(each, event)
        if (next) return next
        throw new HttpError(409, 'rollout_state', `The rollout is ${each.state}.`, {
          remedy: 'Look at it: `fomular-daemon machine rollout show`.',
        })
      }),
    )
    return this.get(id)
  }

  /** Halts all rollouts of a version, because it is blocked. */
  async haltAll(version: string): Promise<void> {
    await this.#change((all) =>
      all.map((each) => (each.version === version ? halted(each, `Version ${version} is blocked.`) : each)),
    )
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

  #view(record: RolloutRecord): HubRollout {
    return { ...record, unavailable: unavailableIn(record, this.#worldOf(record, this.#records)) }
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
      all.map((each) =>
        isOver(each, all) ? { rollout: each, orders: [] } : advance(each, this.#worldOf(each, all)),
      )
    let steps = step(this.#records)
    const next = steps.map(({ rollout }) => rollout)
    if (JSON.stringify(next) !== JSON.stringify(this.#records)) {
      await this.#options.store.rollouts.change((stored) => {
        steps = step(stored)
        return steps.map(({ rollout }) => rollout)
      })
      this.#records = steps.map(({ rollout }) => rollout)
    }
    for (const { rollout, orders } of steps)
      for (const order of orders) if (!this.#isClosed) await this.#give(rollout, order)
  }

  /** Orders one machine to update. A failure of the hub, such as a full disk, is tried again with the next step. */
  async #give({ rollout_id, by }: RolloutRecord, order: UpdateOrder): Promise<void> {
    const { machine_id, command_id, version, allow_downgrade } = order
    const { commands, audit, logger } = this.#options
    if (this.blocked.has(version)) return
    const details = { version, rollout_id }
    const action = 'daemon:update'
    try {
      const command = Schemas[action].parse({ type: action, command_id, version, allow_downgrade, by })
      if (!commands.get(command_id))
        await audit.order({ ...(by !== undefined && { by }), action, machine_id, command_id, details })
      await commands.submit(machine_id, command)
    } catch (error) {
      logger.warn({ err: error, machine_id, rollout_id }, 'could not order an update')
    }
  }

  /** Returns what the rollout sees. A group belongs to its newest rollout. */
  #worldOf(record: RolloutRecord, all: readonly RolloutRecord[]): World {
    const { machines, commands, clock } = this.#options
    const newer = newerThan(record, all)
    const waveOf = (group: string | undefined) => {
      const wave = group === undefined ? -1 : record.groups.indexOf(group)
      return wave < 0 || newer.some(({ groups }) => groups.includes(group!)) ? undefined : wave
    }
    return {
      now: clock.now(),
      machines: new Map(
        machines.all().map(({ machine_id, group, connected, since, daemon_version, status }) => [
          machine_id,
          {
            wave: waveOf(group),
            connected,
            // After its start, the hub gives machines time to reconnect.
            sinceMs: Math.max(Date.parse(since), this.#startMs),
            version: daemon_version,
            errors: status.problems.filter(({ severity }) => severity === 'error').length,
          },
        ]),
      ),
      outcomeOf: (id) => commands.get(id),
    }
  }
}

/** Returns the later rollouts that have not been canceled. */
const newerThan = ({ rollout_id }: RolloutRecord, all: readonly RolloutRecord[]) =>
  all
    .slice(all.findIndex((each) => each.rollout_id === rollout_id) + 1)
    .filter(({ state }) => state !== 'cancelled')

/** Reports whether a rollout has no effect any longer: it is finished, and its groups have later rollouts. */
function isOver(record: RolloutRecord, all: readonly RolloutRecord[]): boolean {
  if (ACTIVE.includes(record.state)) return false
  const later = newerThan(record, all)
  const isReplaced = record.groups.every((group) => later.some(({ groups }) => groups.includes(group)))
  return record.state === 'cancelled' || isReplaced
}

function withRoom(all: readonly RolloutRecord[]): readonly RolloutRecord[] {
  const over = all.filter(({ state }) => !ACTIVE.includes(state)).slice(0, Math.max(0, all.length - MOST))
  return all.filter((each) => !over.includes(each))
}
