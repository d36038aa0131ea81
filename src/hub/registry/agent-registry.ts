import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate as others } from 'node:timers/promises'
import * as z from 'zod/mini'
import { UserError } from '../../platform/errors.ts'
import { clearTemporary, ensurePrivateDir, readJson, setAside, writeAtomic } from '../../platform/files.ts'
import type { Logger } from '../../platform/log.ts'
import { AgentId, AgentStatus, type Hello, type HubAgent, type Welcome } from '../../protocol/index.ts'
import { agentIdOf, folderFor, makeAgentFolder } from '../store/files/agent-folder.ts'
import type { DebouncedWriter } from '../store/files/debounced-writer.ts'
import { clearRemoved, type JournalStore } from '../store/files/journal-store.ts'
import type { ChangeFeed } from './change-feed.ts'
import { StatusLimits } from './status-limits.ts'

/** Number of agents of a greeting to handle before yielding to other work. */
const GREETED_AT_ONCE = 100

/** `agent.json` in the agent's folder. */
const AgentRecord = z.object({
  version: z.literal(1),
  agent_id: AgentId,
  machine_id: z.string(),
  /** True if its machine no longer lists it. */
  gone: z.boolean(),
  /** Absent until the machine reports it: activity may arrive first. */
  status: z.optional(AgentStatus),
  /** True if it was started or moved from here; false if only reported. Absent in records of older hubs. */
  ordered: z.optional(z.boolean()),
})
type AgentRecord = z.infer<typeof AgentRecord> & {
  /** Name of its folder. */
  key: string
}

/** Identifies an agent: ids are unique only within a machine. */
export interface AgentRef {
  machine_id: string
  agent_id: string
}

/** A machine that has an agent of a given id. */
export interface Owner {
  machine_id: string
  ordered: boolean
}

/** Journal offsets and generations for a welcome. */
export type GreetingOffsets = Required<Pick<Welcome, 'offsets' | 'journals'>>

export interface AgentRegistryOptions {
  dir: string
  store: JournalStore
  feed: ChangeFeed
  saver: DebouncedWriter
  logger: Logger
  isConnected(machineId: string): boolean
  machineName(machineId: string): string | undefined
  /** Reports whether a remembered command started this agent and no later one removed it. */
  hasStarted(ref: AgentRef): boolean
  /** Maximum number of agents of one machine. */
  most: number
}

/** All agents of all machines, with their latest statuses and history offsets. */
export class AgentRegistry {
  readonly #options: AgentRegistryOptions
  /** By folder name. */
  readonly #records = new Map<string, AgentRecord>()
  readonly #room = new StatusLimits()
  /** By machine and id. */
  readonly #machines = new Map<string, Map<string, AgentRecord>>()

  constructor(options: AgentRegistryOptions) {
    this.#options = options
    const { dir, store, logger } = options
    ensurePrivateDir(dir)
    const names = readdirSync(dir)
    clearRemoved(dir, names)
    for (const name of names) {
      if (agentIdOf(name) === undefined) continue
      try {
        clearTemporary(join(dir, name), { sole: true })
        this.#load(name)
        store.log(name)
      } catch (error) {
        // Written by a newer version: it must not be changed.
        if (error instanceof UserError) throw error
        logger.error({ err: error, agent_id: name }, 'could not read an agent')
      }
    }
  }

  /**
   * Takes the agents that a machine lists in its greeting; its other agents are gone.
   * @param isPresent reports whether this is still the machine's connection: it may be removed in the meantime
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
      // Ignore the revision: after a machine is restored from a backup, it continues from an older one.
      this.#take(record, status)
      listed.add(agent_id)
      const log = store.log(record.key)
      if (log.ackOffset > end && !capabilities.includes('journal:generations')) {
        logger.warn(
          { machine_id, agent_id, have: log.ackOffset, end },
          'the machine has lost the end of a journal',
        )
        await log.turn(end)
        if (!isPresent()) return { offsets: {}, journals: {} }
      }
      offsets.push([agent_id, log.ackOffset])
      if (log.journal !== undefined) journals.push([agent_id, log.journal])
    }
    for (const record of [...this.#of(machine_id)])
      if (!listed.has(record.agent_id) && !record.gone) this.#lose(record)
    return { offsets: Object.fromEntries(offsets), journals: Object.fromEntries(journals) }
  }

  /** Takes a status, unless it is older than the current one. */
  status(machine_id: string, status: AgentStatus) {
    const record = this.#claim({ machine_id, agent_id: status.agent_id })
    if (!record) return
    const known = record.status
    if (!known || record.gone || status.revision >= known.revision) this.#take(record, status)
  }

  /**
   * Registers an agent whose machine sends activity, perhaps before a status.
   * @returns its folder name, and the first byte that the machine still has; undefined at the limit of agents
   */
  begin(ref: AgentRef): { key: string; begin: number } | undefined {
    const record = this.#claim(ref)
    return record && { key: record.key, begin: record.status?.begin ?? 0 }
  }

  /** Records that a command started the agent. Written to the disk on return unless that fails. */
  onStarted(ref: AgentRef) {
    const record = this.#claim(ref)
    if (!record || record.ordered) return
    record.ordered = true
    this.#saveNow(record)
  }

  /** Marks an agent as gone: its machine no longer has it. */
  onRemoved(ref: AgentRef) {
    const record = this.#find(ref)
    if (record && !record.gone) this.#lose(record)
  }

  /** Deletes an agent and its history. */
  forget(ref: AgentRef) {
    const record = this.#find(ref)
    if (!record) return
    const { saver, store, feed } = this.#options
    this.#drop(record)
    saver.drop(this.#path(record.key))
    store.forget(record.key)
    feed.publish({
      kind: 'agent_removed',
      key: record.key,
      machine_id: ref.machine_id,
      agent_id: ref.agent_id,
      shown: record.status !== undefined,
    })
  }

  /**
   * Moves an agent with its history to another machine, replacing any agent with the same id there. Written
   * to the disk on return unless that fails.
   */
  move(ref: AgentRef, machine_id: string) {
    const record = this.#find(ref)
    if (!record) return
    const there = this.#find({ ...ref, machine_id })
    if (there) {
      // Keep the status from the new machine, which counts revisions from the beginning.
      record.status = there.status
      record.gone = there.gone
      this.forget(there)
    }
    this.#drop(record)
    this.#options.feed.publish({ kind: 'agent_removed', key: record.key, ...ref, shown: true })
    record.machine_id = machine_id
    record.ordered = true
    this.#keep(record)
    this.#options.logger.info({ ...ref, to: machine_id }, 'agent has moved')
    this.#saveNow(record)
    this.#options.feed.publish({ kind: 'agent', key: record.key })
  }

  get(ref: AgentRef): HubAgent | undefined {
    const record = this.#find(ref)
    return record && this.#view(record)
  }

  /** Returns the name of an agent's folder. */
  keyOf(ref: AgentRef): string | undefined {
    return this.#find(ref)?.key
  }

  /** Returns the agent with this folder name. */
  at(key: string): AgentRef | undefined {
    return this.#records.get(key)
  }

  /** @param key the name of its folder */
  viewAt(key: string): HubAgent | undefined {
    const record = this.#records.get(key)
    return record && this.#view(record)
  }

  /** Returns the machines that have an agent of this id. */
  owners(agentId: string): Owner[] {
    return [...this.#machines.values()].flatMap((agents) => {
      const record = agents.get(agentId)
      // Users already know the agents in records of older hubs, so these count as ordered.
      return record ? [{ machine_id: record.machine_id, ordered: record.ordered ?? true }] : []
    })
  }

  /** Yields all agents for a list, with short statuses for machines that use too much of it. */
  *listed(): Iterable<HubAgent> {
    const fit = this.#room.inList()
    for (const record of [...this.#records.values()]) {
      // Removed while the list was built.
      if (this.#records.get(record.key) !== record) continue
      const view = this.#view(record, record.status && fit(record, record.status))
      if (view) yield view
    }
  }

  /** Returns the names of all folders. */
  keys(): Iterable<string> {
    return this.#records.keys()
  }

  /** Returns the folder names of a machine's agents. */
  keysOf(machineId: string): string[] {
    return this.#of(machineId).map(({ key }) => key)
  }

  /** Deletes all agents of a machine and their histories. */
  forgetAll(machineId: string) {
    for (const record of this.#of(machineId)) this.forget(record)
  }

  count(machineId: string): number {
    return this.#machines.get(machineId)?.size ?? 0
  }

  /** Reports whether the machine has the maximum number of agents. */
  isFull(machineId: string): boolean {
    return this.count(machineId) >= this.#options.most
  }

  /** Publishes all agents of a machine after it was connected, disconnected, or renamed. */
  shownAnew(machineId: string) {
    for (const { key } of this.#of(machineId)) this.#options.feed.publish({ kind: 'agent', key })
  }

  #view(record: AgentRecord, status = record.status): HubAgent | undefined {
    const { key, machine_id, gone, ordered } = record
    const { isConnected, machineName, store } = this.#options
    const machine_name = machineName(machine_id)
    if (!status) return undefined
    const { have, shift } = store.log(key)
    return {
      ...status,
      begin: shifted(status.begin, shift),
      acked: shifted(status.acked, shift),
      end: shifted(status.end, shift),
      machine_id,
      ...(machine_name !== undefined && { machine_name }),
      connected: isConnected(machine_id),
      offset: have,
      ...(gone && { gone }),
      ...(ordered === false && { claimed: true }),
    }
  }

  #of(machineId: string): AgentRecord[] {
    return [...(this.#machines.get(machineId)?.values() ?? [])]
  }

  #find({ machine_id, agent_id }: AgentRef): AgentRecord | undefined {
    return this.#machines.get(machine_id)?.get(agent_id)
  }

  /** Returns the machine's agent, creating it if needed; undefined if the machine has too many. */
  #claim(ref: AgentRef): AgentRecord | undefined {
    const known = this.#find(ref)
    if (known) return known
    if (this.isFull(ref.machine_id)) return undefined
    const key = folderFor(ref, (name) => this.#records.has(name))
    const record: AgentRecord = {
      version: 1,
      ...ref,
      gone: false,
      ordered: this.#wasTaken(ref),
      key,
    }
    this.#keep(record)
    this.#save(record)
    return record
  }

  /** Reports whether an older hub gave the agent to another machine; it then still counts as ordered. */
  #wasTaken(ref: AgentRef): boolean {
    if (!this.#options.hasStarted(ref)) return false
    return [...this.#machines.values()].some((agents) => {
      const record = agents.get(ref.agent_id)
      return record && record.ordered === undefined
    })
  }

  #keep(record: AgentRecord) {
    const { key, machine_id, agent_id } = record
    this.#records.set(key, record)
    const agents = this.#machines.get(machine_id) ?? new Map<string, AgentRecord>()
    this.#machines.set(machine_id, agents.set(agent_id, record))
    if (record.status) record.status = this.#room.fit(record, record.status)
  }

  #drop(record: AgentRecord) {
    const { key, machine_id, agent_id } = record
    this.#room.leave(record)
    this.#records.delete(key)
    const agents = this.#machines.get(machine_id)
    agents?.delete(agent_id)
    if (agents?.size === 0) this.#machines.delete(machine_id)
  }

  #take(record: AgentRecord, status: AgentStatus) {
    record.status = this.#room.fit(record, status)
    record.gone = false
    this.#onChange(record)
  }

  #lose(record: AgentRecord) {
    // Without a status, there is nothing to show.
    if (!record.status) return this.forget(record)
    record.gone = true
    this.#onChange(record)
  }

  #load(key: string) {
    const path = this.#path(key)
    const read = readJson(path, AgentRecord)
    if (read.ok && read.value.agent_id === agentIdOf(key) && !this.#find(read.value))
      this.#keep({ ...read.value, key })
    else if (read.ok || read.reason === 'damaged')
      // Its machine reports the status again when it connects. The activity is kept.
      this.#options.logger.error({ agent_id: key, aside: setAside(path) }, 'damaged status set aside')
  }

  #onChange(record: AgentRecord) {
    this.#save(record)
    this.#options.feed.publish({ kind: 'agent', key: record.key })
  }

  #save(record: AgentRecord) {
    this.#options.saver.later(this.#path(record.key), () => this.#write(record))
  }

  #saveNow(record: AgentRecord) {
    this.#options.saver.now(this.#path(record.key), () => this.#write(record))
  }

  #write({ key, ...kept }: AgentRecord) {
    const path = this.#path(key)
    makeAgentFolder(dirname(path))
    writeAtomic(path, JSON.stringify(kept))
  }

  #path(key: string) {
    return join(this.#options.store.folder(key), 'agent.json')
  }
}

/** Converts an offset of the machine to one here, limited to safe integers: a machine can send any value. */
const shifted = (offset: number, shift: number) => Math.min(offset + shift, Number.MAX_SAFE_INTEGER)
