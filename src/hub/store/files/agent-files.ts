import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as z from 'zod/mini'
import { UserError } from '../../../platform/errors.ts'
import { clearTemporary, ensurePrivateDir, readJson, setAside, writeAtomic } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { orUndefined } from '../../../platform/or-undefined.ts'
import { AgentRecord, type AgentRef } from '../records.ts'
import type { AgentStore } from '../store.ts'
import { agentIdOf, folderFor, isFolderOf, journalPath, makeAgentFolder, recordPath } from './agent-folder.ts'
import {
  type AgentShot,
  isCurrent,
  readSnapshot,
  type ShotPaths,
  takeShot,
  writeSnapshot,
} from './agent-snapshot.ts'
import type { DebouncedWriter } from './debounced-writer.ts'
import { clearRemoved } from './deleted-folders.ts'
import { NO_JOURNAL, readWholeEnd } from './journal-end.ts'
import type { JournalStore } from './journal-store.ts'

/**
 * Number of agents from which their schema is compiled: compiling takes as long as checking about 800 records.
 */
const MANY = 800
/** Number of agents from which the hub writes a snapshot: reading fewer agents takes less than 0.1 s. */
const SNAPSHOT_AGENTS = 500
/**
 * Number of folders that are cleared at once, and the pause after them, in milliseconds. Most folders need no
 * clearing, so other work goes first.
 */
const CLEARED_AT_ONCE = 20
const PAUSE_MS = 10

export interface AgentFilesOptions {
  /** Folder that contains one folder per agent. */
  dir: string
  /** Path of the snapshot of the agents. */
  snapshot: string
  /** The journals in the agents' folders. */
  journals: JournalStore
  writer: DebouncedWriter
  logger: Logger
}

/** `agent.json` in each agent's folder. The key of an agent is the name of its folder. */
export class AgentFiles implements AgentStore {
  readonly #options: AgentFilesOptions
  readonly #keys = new Set<string>()
  /** Agents whose records the snapshot does not contain, or not in their present form. */
  readonly #changed = new Set<string>()
  #closed = false

  constructor(options: AgentFilesOptions) {
    this.#options = options
  }

  async load(): Promise<AgentRecord[]> {
    const { dir, snapshot, journals, logger } = this.#options
    ensurePrivateDir(dir)
    const names = readdirSync(dir)
    clearRemoved(dir, names, logger)
    const found = new Map<string, AgentRecord>()
    const unread: string[] = []
    const shots = readSnapshot(snapshot)
    for (const name of names) {
      const shot = shots.get(name)
      if (shot && this.#isCurrent(name, shot) && this.#keep(name, shot.record, found))
        await journals.open(name, shot.end)
      else if (agentIdOf(name) !== undefined) unread.push(name)
    }
    const schema = schemaFor(unread.length)
    for (const name of unread)
      try {
        this.#changed.add(name)
        this.#read(name, found, schema)
        // Renames a damaged journal, even if its agent is not known.
        await journals.open(name)
      } catch (error) {
        // Do not change the file, because a newer version of the hub wrote it.
        if (error instanceof UserError) throw error
        logger.error({ err: error, agent_id: name }, 'could not read an agent')
      }
    void this.#clear(names)
    return [...found.values()]
  }

  /** Stops clearing folders, because another hub may write to them from now on. */
  close() {
    this.#closed = true
  }

  /**
   * Writes a snapshot of the agents, for the next start. Called when all changes are on the disk. The snapshot contains
   * what the files contain, so it reads the files that have changed.
   */
  saveSnapshot() {
    const { snapshot, journals, logger } = this.#options
    const changed = [...this.#keys].filter((key) => this.#changed.has(key) || journals.isUsed(key))
    if (this.#keys.size < SNAPSHOT_AGENTS || changed.length === 0) return
    try {
      const shots = readSnapshot(snapshot)
      // Removes the snapshot, and shows the present time of the file system.
      writeAtomic(snapshot, '')
      const now = statSync(snapshot).ctimeMs
      for (const key of shots.keys()) if (!this.#keys.has(key)) shots.delete(key)
      const schema = schemaFor(changed.length)
      for (const key of changed) {
        const shot = orUndefined(() => takeShot(this.#paths(key), now, () => this.#shoot(key, schema)))
        if (shot) shots.set(key, shot)
        else shots.delete(key)
      }
      writeSnapshot(snapshot, shots)
    } catch (error) {
      logger.warn({ err: error }, 'could not write a snapshot of the agents')
    }
  }

  newKey(ref: AgentRef): string {
    const key = folderFor(ref, (name) => this.#keys.has(name))
    this.#keys.add(key)
    return key
  }

  saveSoon(record: AgentRecord) {
    this.#changed.add(record.key)
    this.#options.writer.later(this.#path(record.key), () => this.#write(record))
  }

  async save(record: AgentRecord): Promise<void> {
    this.#changed.add(record.key)
    this.#options.writer.now(this.#path(record.key), () => this.#write(record))
  }

  async remove(key: string): Promise<void> {
    const { writer, journals } = this.#options
    // Until the folder is deleted, no other agent may get its name.
    writer.now(this.#path(key), () => {
      journals.forget(key)
      this.#keys.delete(key)
      this.#changed.delete(key)
    })
  }

  /**
   * Removes incomplete files of a killed hub after the start. This hub's own files are never incomplete while
   * this method runs, because they are written without interruption.
   */
  async #clear(names: string[]): Promise<void> {
    for (const [n, name] of names.entries()) {
      if (n % CLEARED_AT_ONCE === 0) await pause(PAUSE_MS, undefined, { ref: false })
      if (this.#closed) return
      if (agentIdOf(name) === undefined) continue
      try {
        clearTemporary(join(this.#options.dir, name), { sole: true })
      } catch (error) {
        // The agent may have been removed since the start.
        this.#options.logger.debug({ err: error, agent: name }, 'could not clear a folder')
      }
    }
  }

  #read(key: string, found: Map<string, AgentRecord>, schema: typeof AgentRecord) {
    const path = this.#path(key)
    const read = readJson(path, schema)
    if (read.ok ? !this.#keep(key, read.value, found) : read.reason === 'damaged')
      // The machine reports the status again when it connects. The activity is kept.
      this.#options.logger.error({ agent_id: key, aside: setAside(path) }, 'damaged status renamed')
  }

  /** Adds an agent, unless its folder has another name, or it has another folder. @returns whether it was added */
  #keep(key: string, record: Omit<AgentRecord, 'key'>, found: Map<string, AgentRecord>): boolean {
    const name = `${record.agent_id} ${record.machine_id}`
    if (!isFolderOf(key, record.agent_id) || found.has(name)) return false
    this.#keys.add(key)
    found.set(name, { ...record, key })
    return true
  }

  #shoot(key: string, schema: typeof AgentRecord): Omit<AgentShot, 'marks'> | undefined {
    const [path, journal] = this.#paths(key)
    const read = readJson(path, schema)
    const end = existsSync(journal) ? readWholeEnd(journal) : NO_JOURNAL
    return read.ok && end ? { record: read.value, end } : undefined
  }

  #isCurrent(key: string, shot: AgentShot): boolean {
    return orUndefined(() => isCurrent(shot, this.#paths(key))) ?? false
  }

  #paths(key: string): ShotPaths {
    return [this.#path(key), journalPath(this.#options.dir, key)]
  }

  #write({ key, ...kept }: AgentRecord) {
    makeAgentFolder(join(this.#options.dir, key))
    writeAtomic(this.#path(key), JSON.stringify(kept))
  }

  #path(key: string) {
    return recordPath(this.#options.dir, key)
  }
}

const schemaFor = (agents: number): typeof AgentRecord =>
  agents > MANY ? z.compile(AgentRecord) : AgentRecord
