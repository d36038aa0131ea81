import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate as others } from 'node:timers/promises'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { clearTemporary, ensurePrivateDir, readJson, setAside, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { AgentId, AgentStatus, type Hello, type HubAgent, type Welcome } from '../protocol/index.ts'
import { type ActivityStore, clearRemoved } from './activity-store.ts'
import { agentIdOf, folderFor, makeAgentFolder } from './agent-folder.ts'
import type { Feed } from './feed.ts'
import type { Saver } from './saver.ts'
import { StatusRoom } from './status-room.ts'

/** Agents of a greeting that are taken before others are served. */
const GREETED_AT_ONCE = 100

/** `agent.json` in the agent's folder. */
const AgentRecord = z.object({
  version: z.literal(1),
  agent_id: AgentId,
  machine_id: z.string(),
  /** Its machine no longer lists it. */
  gone: z.boolean(),
  /** Absent until the machine has told it: activity may come first. */
  status: z.optional(AgentStatus),
  /**
   * Whether it was started, or given to its machine, from here; if not, only its machine says that there is one. Absent
   * from older hubs.
   */
  ordered: z.optional(z.boolean()),
})
type AgentRecord = z.infer<typeof AgentRecord> & {
  /** Name of its folder. */
  key: string
}

/** An agent's name: ids are each machine's own. */
export interface AgentRef {
  machine_id: string
  agent_id: string
}

/** Who has an agent of some id. */
export interface Owner {
  machine_id: string
  ordered: boolean
}

/** What a welcome says of journals. */
export type Standing = Required<Pick<Welcome, 'offsets' | 'journals'>>

export interface AgentsOptions {
  dir: string
  store: ActivityStore
  feed: Feed
  saver: Saver
  logger: Logger
  connected(machineId: string): boolean
  machineName(machineId: string): string | undefined
  /** Whether the machine has started this agent by an order, and not removed it since, as far as that is kept. */
  hasStarted(ref: AgentRef): boolean
  /** How many agents a machine may have here. */
  most: number
}

/** Every agent of every machine: its newest status, and how far its activity is here. */
export class Agents {
  readonly #options: AgentsOptions
  /** By the names of their folders. */
  readonly #records = new Map<string, AgentRecord>()
  readonly #room = new StatusRoom()
  /** By machine and id. */
  readonly #machines = new Map<string, Map<string, AgentRecord>>()

  constructor(options: AgentsOptions) {
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
        // Written by a newer version: nothing here may touch it.
        if (error instanceof UserError) throw error
        logger.error({ err: error, agent_id: name }, 'agent could not be read')
      }
    }
  }

  /**
   * All agents of a machine, as it greets. Those it no longer lists are gone.
   * @param isPresent whether this is still the machine's connection: it may be removed meanwhile
   * @returns how far each one's activity is here
   */
  async greeted(hello: Hello, isPresent: () => boolean): Promise<Standing> {
    const { machine_id, agents, capabilities } = hello
    const { store, logger } = this.#options
    const listed = new Set<string>()
    const offsets: [string, number][] = []
    const journals: [string, string][] = []
    for (const [n, status] of agents.entries()) {
      // There may be very many.
      if (n % GREETED_AT_ONCE === 0) await others()
      if (!isPresent()) return { offsets: {}, journals: {} }
      const { agent_id, end } = status
      const record = this.#claim({ machine_id, agent_id })
      if (!record) continue
      // Whatever its revision: a machine that was set back to an earlier day counts from there.
      this.#take(record, status)
      listed.add(agent_id)
      const log = store.log(record.key)
      if (log.acknowledged > end && !capabilities.includes('journal:generations')) {
        logger.warn(
          { machine_id, agent_id, have: log.acknowledged, end },
          'the machine has lost the end of a journal',
        )
        await log.turn(end)
        if (!isPresent()) return { offsets: {}, journals: {} }
      }
      offsets.push([agent_id, log.acknowledged])
      if (log.journal !== undefined) journals.push([agent_id, log.journal])
    }
    for (const record of [...this.#of(machine_id)])
      if (!listed.has(record.agent_id) && !record.gone) this.#lose(record)
    return { offsets: Object.fromEntries(offsets), journals: Object.fromEntries(journals) }
  }

  /** Takes a status, unless it is older than the one here. */
  status(machine_id: string, status: AgentStatus) {
    const record = this.#claim({ machine_id, agent_id: status.agent_id })
    if (!record) return
    const known = record.status
    if (!known || record.gone || status.revision >= known.revision) this.#take(record, status)
  }

  /**
   * The machine has this agent, whether or not it has told its status yet.
   * @returns the name of its folder, and the first byte that the machine holds; undefined where it has too many
   */
  begin(ref: AgentRef): { key: string; begin: number } | undefined {
    const record = this.#claim(ref)
    return record && { key: record.key, begin: record.status?.begin ?? 0 }
  }

  /** The machine has started this agent by an order. If the disk takes it, that is on it when this returns. */
  started(ref: AgentRef) {
    const record = this.#claim(ref)
    if (!record || record.ordered) return
    record.ordered = true
    this.#saveNow(record)
  }

  /** Its machine does not have it any more: what is here is all that is left of it. */
  removed(ref: AgentRef) {
    const record = this.#find(ref)
    if (record && !record.gone) this.#lose(record)
  }

  /** Deletes all that is here of an agent. */
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
    })
  }

  /** Gives an agent, with its history, to another machine, which may have told of it already. If the disk takes it, that is on it when this returns. */
  move(ref: AgentRef, machine_id: string) {
    const record = this.#find(ref)
    if (!record) return
    const there = this.#find({ ...ref, machine_id })
    if (there) {
      // Its statuses are numbered anew there.
      record.status = there.status
      record.gone = there.gone
      this.forget(there)
    }
    this.#drop(record)
    this.#options.feed.publish({ kind: 'agent_removed', key: record.key, ...ref })
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

  /** The name of an agent's folder. */
  keyOf(ref: AgentRef): string | undefined {
    return this.#find(ref)?.key
  }

  /** The agent with a folder of this name. */
  at(key: string): AgentRef | undefined {
    return this.#records.get(key)
  }

  /** @param key the name of its folder */
  viewAt(key: string): HubAgent | undefined {
    const record = this.#records.get(key)
    return record && this.#view(record)
  }

  /** The machines that have an agent of this id. */
  owners(agentId: string): Owner[] {
    return [...this.#machines.values()].flatMap((agents) => {
      const record = agents.get(agentId)
      // Nothing older is only said by its machine: it is what its users know.
      return record ? [{ machine_id: record.machine_id, ordered: record.ordered ?? true }] : []
    })
  }

  /** All agents, for a list: those of machines that say very much in a short form. Some may go meanwhile. */
  *listed(): Iterable<HubAgent> {
    const fit = this.#room.inList()
    for (const record of [...this.#records.values()]) {
      if (this.#records.get(record.key) !== record) continue
      const view = this.#view(record, record.status && fit(record, record.status))
      if (view) yield view
    }
  }

  /** The names of all folders. */
  keys(): Iterable<string> {
    return this.#records.keys()
  }

  /** The names of the folders of a machine's agents. */
  keysOf(machineId: string): string[] {
    return this.#of(machineId).map(({ key }) => key)
  }

  /** Deletes all that is here of a machine's agents. */
  forgetAll(machineId: string) {
    for (const record of this.#of(machineId)) this.forget(record)
  }

  count(machineId: string): number {
    return this.#machines.get(machineId)?.size ?? 0
  }

  /** Whether the machine has as many agents here as it may have. */
  isFull(machineId: string): boolean {
    return this.count(machineId) >= this.#options.most
  }

  /** The machine has come, gone or another name: its agents are shown differently. */
  shownAnew(machineId: string) {
    for (const { key } of this.#of(machineId)) this.#options.feed.publish({ kind: 'agent', key })
  }

  #view(record: AgentRecord, status = record.status): HubAgent | undefined {
    const { key, machine_id, gone, ordered } = record
    const { connected, machineName, store } = this.#options
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
      connected: connected(machine_id),
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

  /** An agent is its machine's: another machine with one of the same id has another agent. */
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

  /** Older hubs gave an agent to any machine that said it had it; the one that had started it comes back with it. */
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
    this.#changed(record)
  }

  #lose(record: AgentRecord) {
    // Nothing was ever told of it but activity: there is nothing to show.
    if (!record.status) return this.forget(record)
    record.gone = true
    this.#changed(record)
  }

  #load(key: string) {
    const path = this.#path(key)
    const read = readJson(path, AgentRecord)
    if (read.ok && read.value.agent_id === agentIdOf(key) && !this.#find(read.value))
      this.#keep({ ...read.value, key })
    else if (read.ok || read.reason === 'damaged')
      // Its machine tells it anew when it connects; the activity is kept.
      this.#options.logger.error({ agent_id: key, aside: setAside(path) }, 'damaged status set aside')
  }

  #changed(record: AgentRecord) {
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

/** An offset of the machine's as it is here. A machine can say what is too large for that. */
const shifted = (offset: number, shift: number) => Math.min(offset + shift, Number.MAX_SAFE_INTEGER)
