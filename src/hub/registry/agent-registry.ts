import { setImmediate as others } from 'node:timers/promises'
import type { Logger } from '../../platform/log.ts'
import type { AgentStatus, Hello, HubAgent, Outcome, Welcome } from '../../protocol/index.ts'
import type { AgentRecord, AgentRef } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { AgentIndex, type Owner } from './agent-index.ts'
import { viewOf } from './agent-view.ts'
import type { ChangeFeed } from './change-feed.ts'
import type { CommandQueue } from './command-queue.ts'
import type { MachineRegistry } from './machine-registry.ts'
import { isSameStatus } from './same-status.ts'
import { StatusLimits } from './status-limits.ts'

/** Number of agents of a greeting that are handled before other work can run. */
const GREETED_AT_ONCE = 100

/** Journal offsets and generations for a welcome. */
export type GreetingOffsets = Required<Pick<Welcome, 'offsets' | 'journals'>>

export interface AgentRegistryOptions {
  store: Pick<Store, 'agents' | 'journals'>
  feed: ChangeFeed
  machines: Pick<MachineRegistry, 'link' | 'nameOf'>
  commands: Pick<CommandQueue, 'hasStarted'>
  logger: Logger
  /** Maximum number of agents of one machine. */
  most: number
}

/** All agents of all machines, with their latest statuses. */
export class AgentRegistry {
  readonly #options: AgentRegistryOptions
  readonly #index = new AgentIndex()
  readonly #room = new StatusLimits()

  constructor(options: AgentRegistryOptions) {
    this.#options = options
  }

  /** Reads all agents from the store. Called once. */
  async load(): Promise<void> {
    const { store, feed } = this.#options
    for (const record of await store.agents.load()) {
      this.#keep(record)
      feed.publish({ kind: 'agent', key: record.key })
    }
  }

  /**
   * Registers the agents that a machine lists in its greeting, and marks its other agents as gone.
   * @param isPresent reports whether this is still the machine's connection, because the machine may be
   * removed while this method runs
   * @returns the offsets of the agents' histories
   */
  async onHello(hello: Hello, isPresent: () => boolean): Promise<GreetingOffsets> {
    const { machine_id, agents, capabilities } = hello
    const { store, logger } = this.#options
    const listed = new Set<string>()
    const offsets: [string, number][] = []
    const journals: [string, string][] = []
    for (const [n, status] of agents.entries()) {
      // Yield: there may be thousands of agents.
      if (n % GREETED_AT_ONCE === 0) await others()
      if (!isPresent()) return { offsets: {}, journals: {} }
      const { agent_id, end } = status
      const record = this.#claim({ machine_id, agent_id })
      if (!record) continue
      // Ignore the revision, because a machine that was restored from a backup continues from an older
      // revision.
      this.#take(record, status)
      listed.add(agent_id)
      await store.journals.open(record.key)
      const { ackOffset } = store.journals.stateOf(record.key)
      if (ackOffset > end && !capabilities.includes('journal:generations')) {
        logger.warn(
          { machine_id, agent_id, have: ackOffset, end },
          'the machine has lost the end of a journal',
        )
        await store.journals.turn(record.key, end)
      }
      if (!isPresent()) return { offsets: {}, journals: {} }
      const journal = store.journals.stateOf(record.key)
      offsets.push([agent_id, journal.ackOffset])
      if (journal.journal !== undefined) journals.push([agent_id, journal.journal])
    }
    for (const record of this.#index.of(machine_id))
      if (!listed.has(record.agent_id) && !record.gone) this.#lose(record)
    return { offsets: Object.fromEntries(offsets), journals: Object.fromEntries(journals) }
  }

  /** Stores a status, unless it is older than the current one. */
  onStatus(machine_id: string, status: AgentStatus) {
    const record = this.#claim({ machine_id, agent_id: status.agent_id })
    if (!record) return
    const known = record.status
    if (!known || record.gone || status.revision >= known.revision) this.#take(record, status)
  }

  /**
   * Registers an agent whose machine sends activity, perhaps before a status.
   * @returns the agent's key, and the first byte that the machine still has; undefined if the machine has the
   * maximum number of agents
   */
  begin(ref: AgentRef): { key: string; begin: number } | undefined {
    const record = this.#claim(ref)
    return record && { key: record.key, begin: record.status?.begin ?? 0 }
  }

  /** Updates the agent of a command that succeeded. A started agent is saved at once. */
  onSucceeded({ machine_id, agent_id }: Outcome, type: string) {
    if (agent_id === undefined) return
    if (type === 'agent:start') this.#onStarted({ machine_id, agent_id })
    if (type === 'agent:remove') void this.forget({ machine_id, agent_id })
  }

  /** Marks an agent as gone, because its machine no longer has the agent. */
  onRemoved(ref: AgentRef) {
    const record = this.#index.find(ref)
    if (record && !record.gone) this.#lose(record)
  }

  /** Deletes an agent and its history. */
  async forget(ref: AgentRef): Promise<void> {
    const record = this.#index.find(ref)
    if (!record) return
    const { store, feed } = this.#options
    const { key, machine_id, agent_id, status } = record
    this.#drop(record)
    const removed = store.agents.remove(key)
    feed.publish({ kind: 'agent_removed', key, machine_id, agent_id, shown: status !== undefined })
    await removed
  }

  /** Moves an agent and its history to another machine, and replaces any agent there with the same id. */
  async move(ref: AgentRef, machine_id: string): Promise<void> {
    const record = this.#index.find(ref)
    if (!record) return
    const { store, feed, logger } = this.#options
    const there = this.#index.find({ ...ref, machine_id })
    const replaced = there && this.forget(there)
    this.#drop(record)
    feed.publish({ kind: 'agent_removed', key: record.key, ...ref, shown: true })
    record.machine_id = machine_id
    record.ordered = true
    // Keep the status from the new machine, which counts revisions from the beginning.
    if (there) Object.assign(record, { status: there.status, gone: there.gone })
    this.#keep(record)
    logger.info({ ...ref, to: machine_id }, 'agent has moved')
    const saved = store.agents.save(record)
    feed.publish({ kind: 'agent', key: record.key })
    await Promise.all([replaced, saved])
  }

  get(ref: AgentRef): HubAgent | undefined {
    return this.#view(this.#index.find(ref))
  }

  /** Returns the key by which the store knows an agent. */
  keyOf(ref: AgentRef): string | undefined {
    return this.#index.find(ref)?.key
  }

  /** Returns the agent with this key. */
  at(key: string): AgentRef | undefined {
    return this.#index.at(key)
  }

  viewAt(key: string): HubAgent | undefined {
    return this.#view(this.#index.at(key))
  }

  /** Returns the machines that have an agent with this id. */
  owners(agentId: string): Owner[] {
    return this.#index.namesakes(agentId).map(({ machine_id, ordered }) => ({
      machine_id,
      // Treat agents in records of older hubs as ordered, because clients may already have seen these agents.
      ordered: ordered ?? true,
    }))
  }

  /** Yields all agents. With `after`, yields only agents with later places, in the order of their places. */
  records(after?: string): Iterable<Readonly<AgentRecord>> {
    return after === undefined ? this.#index.all() : this.#index.inOrder(after)
  }

  /**
   * Yields agents for a list, except agents that are removed while the loop runs. If the statuses of a machine
   * take too much of the list, the list contains short forms of these statuses.
   */
  *listed(records: Iterable<Readonly<AgentRecord>>): Iterable<HubAgent> {
    const fit = this.#room.inList()
    for (const record of records) {
      if (this.#index.at(record.key) !== record) continue
      const view = this.#view(record, record.status && fit(record, record.status))
      if (view) yield view
    }
  }

  /** Returns the keys of a machine's agents. */
  keysOf(machineId: string): string[] {
    return this.#index.of(machineId).map(({ key }) => key)
  }

  /** Deletes all agents of a machine and their histories. */
  async forgetAll(machineId: string): Promise<void> {
    await Promise.all(this.#index.of(machineId).map((record) => this.forget(record)))
  }

  count(machineId: string): number {
    return this.#index.count(machineId)
  }

  /** Reports whether the machine has the maximum number of agents. */
  isFull(machineId: string): boolean {
    return this.count(machineId) >= this.#options.most
  }

  /** Publishes all agents of a machine after the machine has connected, disconnected, or been renamed. */
  publishAll(machineId: string) {
    for (const { key } of this.#index.of(machineId)) this.#options.feed.publish({ kind: 'agent', key })
  }

  #view(record: Readonly<AgentRecord> | undefined, status = record?.status): HubAgent | undefined {
    const { store, machines } = this.#options
    return record && viewOf(record, status, { journals: store.journals, machines })
  }

  #onStarted(ref: AgentRef) {
    const record = this.#claim(ref)
    if (!record || record.ordered) return
    record.ordered = true
    const { store, feed } = this.#options
    void store.agents.save(record)
    feed.publish({ kind: 'agent', key: record.key })
  }

  /** Returns the machine's agent, creating it if needed; undefined if the machine has too many. */
  #claim(ref: AgentRef): AgentRecord | undefined {
    const known = this.#index.find(ref)
    if (known) return known
    if (this.isFull(ref.machine_id)) return undefined
    const { agents } = this.#options.store
    const record: AgentRecord = {
      version: 1,
      ...ref,
      gone: false,
      ordered: this.#wasTaken(ref),
      key: agents.newKey(ref),
    }
    this.#keep(record)
    agents.saveSoon(record)
    void this.#open(record)
    return record
  }

  /** Opens an agent's journal. After a failure, the agent's next activity opens it again. */
  async #open({ key, agent_id }: AgentRecord): Promise<void> {
    const { store, logger } = this.#options
    await store.journals
      .open(key)
      .catch((error) => logger.error({ err: error, agent_id }, 'could not read an agent'))
  }

  /** Reports whether the agent was started on this machine, but an older hub gave it to another machine. */
  #wasTaken(ref: AgentRef): boolean {
    if (!this.#options.commands.hasStarted(ref.machine_id, ref.agent_id)) return false
    return this.#index.namesakes(ref.agent_id).some(({ ordered }) => ordered === undefined)
  }

  #keep(record: AgentRecord) {
    this.#index.add(record)
    if (record.status) record.status = this.#room.fit(record, record.status)
  }

  #drop(record: AgentRecord) {
    this.#room.leave(record)
    this.#index.remove(record)
  }

  #take(record: AgentRecord, status: AgentStatus) {
    if (!record.gone && isSameStatus(record.status, status)) return
    record.status = this.#room.fit(record, status)
    record.gone = false
    this.#onChange(record)
  }

  #lose(record: AgentRecord) {
    // Without a status, there is nothing to show.
    if (!record.status) return void this.forget(record)
    record.gone = true
    this.#onChange(record)
  }

  #onChange(record: AgentRecord) {
    const { store, feed } = this.#options
    store.agents.saveSoon(record)
    feed.publish({ kind: 'agent', key: record.key })
  }
}
