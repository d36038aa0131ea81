import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { clearTemporary, ensurePrivateDir, readJson, setAside, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { AgentId, AgentStatus, type Hello, type HubAgent, type Welcome } from '../protocol/index.ts'
import { type ActivityStore, clearRemoved } from './activity-store.ts'
import { makeAgentFolder } from './agent-folder.ts'
import type { Feed } from './feed.ts'
import type { Saver } from './saver.ts'

/** `agent.json` in the agent's folder. */
const AgentRecord = z.object({
  version: z.literal(1),
  agent_id: AgentId,
  machine_id: z.string(),
  /** Its machine no longer lists it. */
  gone: z.boolean(),
  /** Absent until the machine has told it: activity may come first. */
  status: z.optional(AgentStatus),
})
type AgentRecord = z.infer<typeof AgentRecord>

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
}

/** Every agent of every machine: whose it is, its newest status, and how far its activity is here. */
export class Agents {
  readonly #options: AgentsOptions
  readonly #records = new Map<string, AgentRecord>()

  constructor(options: AgentsOptions) {
    this.#options = options
    const { dir, store, logger } = options
    ensurePrivateDir(dir)
    const names = readdirSync(dir)
    clearRemoved(dir, names)
    for (const name of names) {
      if (!AgentId.safeParse(name).success) continue
      try {
        clearTemporary(join(dir, name))
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
   * @returns how far each one's activity is here
   */
  async greeted({ machine_id: machineId, agents, capabilities }: Hello): Promise<Standing> {
    const { store, logger } = this.#options
    const listed = new Set<string>()
    const offsets: [string, number][] = []
    const journals: [string, string][] = []
    for (const status of agents) {
      const { agent_id, end } = status
      const record = this.#claim(machineId, agent_id)
      if (!record) continue
      // Whatever its revision: a machine that was set back to an earlier day counts from there.
      this.#take(record, status)
      listed.add(agent_id)
      const log = store.log(agent_id)
      if (log.acknowledged > end && !capabilities.includes('journal:generations')) {
        logger.warn({ agent_id, have: log.acknowledged, end }, 'the machine has lost the end of a journal')
        await log.turn(end)
      }
      offsets.push([agent_id, log.acknowledged])
      if (log.journal !== undefined) journals.push([agent_id, log.journal])
    }
    for (const record of this.#records.values())
      if (record.machine_id === machineId && !listed.has(record.agent_id) && !record.gone) {
        this.#lose(record)
      }
    return { offsets: Object.fromEntries(offsets), journals: Object.fromEntries(journals) }
  }

  /** Takes a status, unless it is older than the one here, or of an agent of another connected machine. */
  status(machineId: string, status: AgentStatus) {
    const record = this.#claim(machineId, status.agent_id)
    if (!record) return
    const known = record.status
    if (!known || record.gone || status.revision >= known.revision) this.#take(record, status)
  }

  /** The machine has this agent, whether or not it has told its status yet. @returns the first byte it holds; undefined if it is another machine's */
  begin(machineId: string, agentId: string): number | undefined {
    const record = this.#claim(machineId, agentId)
    return record && (record.status?.begin ?? 0)
  }

  /** Its machine does not have it any more: what is here is all that is left of it. */
  removed(machineId: string, agentId: string) {
    const record = this.#records.get(agentId)
    if (record?.machine_id === machineId && !record.gone) this.#lose(record)
  }

  /** Deletes all that is here of an agent. */
  forget(agentId: string) {
    const { saver, store, feed } = this.#options
    this.#records.delete(agentId)
    saver.drop(this.#path(agentId))
    store.forget(agentId)
    feed.publish({ kind: 'agent_removed', agent_id: agentId })
  }

  get(agentId: string): HubAgent | undefined {
    const record = this.#records.get(agentId)
    return record && this.#view(record)
  }

  machineOf(agentId: string): string | undefined {
    return this.#records.get(agentId)?.machine_id
  }

  all(): HubAgent[] {
    return [...this.#records.values()].flatMap((record) => this.#view(record) ?? [])
  }

  of(machineId: string): string[] {
    return [...this.#records.values()]
      .filter((record) => record.machine_id === machineId)
      .map(({ agent_id }) => agent_id)
  }

  /** The machine has come, gone or another name: its agents are shown differently. */
  shownAnew(machineId: string) {
    for (const agentId of this.of(machineId)) this.#options.feed.publish({ kind: 'agent', agent_id: agentId })
  }

  #view({ status, machine_id, agent_id, gone }: AgentRecord): HubAgent | undefined {
    const { connected, machineName, store } = this.#options
    const machine_name = machineName(machine_id)
    if (!status) return undefined
    const { have, shift } = store.log(agent_id)
    return {
      ...status,
      begin: status.begin + shift,
      acked: status.acked + shift,
      end: status.end + shift,
      machine_id,
      ...(machine_name !== undefined && { machine_name }),
      connected: connected(machine_id),
      offset: have,
      ...(gone && { gone }),
    }
  }

  /** An agent is its machine's; one whose machine is away may have moved to another, with its state folder. */
  #claim(machineId: string, agentId: string): AgentRecord | undefined {
    const known = this.#records.get(agentId)
    if (known?.machine_id === machineId) return known
    if (known && !known.gone && this.#options.connected(known.machine_id)) return undefined
    if (known) {
      this.#options.logger.warn(
        { agent_id: agentId, from: known.machine_id, to: machineId },
        'agent has moved',
      )
      known.machine_id = machineId
      // Its statuses are numbered anew there.
      known.status = undefined
      return known
    }
    const record: AgentRecord = { version: 1, agent_id: agentId, machine_id: machineId, gone: false }
    this.#records.set(agentId, record)
    this.#save(record)
    return record
  }

  #take(record: AgentRecord, status: AgentStatus) {
    record.status = status
    record.gone = false
    this.#changed(record)
  }

  #lose(record: AgentRecord) {
    // Nothing was ever told of it but activity: there is nothing to show.
    if (!record.status) return this.forget(record.agent_id)
    record.gone = true
    this.#changed(record)
  }

  #load(agentId: string) {
    const path = this.#path(agentId)
    const read = readJson(path, AgentRecord)
    if (read.ok && read.value.agent_id === agentId) this.#records.set(agentId, read.value)
    else if (read.ok || read.reason === 'damaged')
      // Its machine tells it anew when it connects; the activity is kept.
      this.#options.logger.error({ agent_id: agentId, aside: setAside(path) }, 'damaged status set aside')
  }

  #changed(record: AgentRecord) {
    this.#save(record)
    this.#options.feed.publish({ kind: 'agent', agent_id: record.agent_id })
  }

  #save(record: AgentRecord) {
    const path = this.#path(record.agent_id)
    this.#options.saver.later(path, () => {
      makeAgentFolder(dirname(path))
      writeAtomic(path, JSON.stringify(record))
    })
  }

  #path(agentId: string) {
    return join(this.#options.store.folder(agentId), 'agent.json')
  }
}
