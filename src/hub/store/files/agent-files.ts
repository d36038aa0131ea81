import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as others } from 'node:timers/promises'
import * as z from 'zod/mini'
import { UserError } from '../../../platform/errors.ts'
import { clearTemporary, ensurePrivateDir, readJson, setAside, writeAtomic } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { AgentRecord, type AgentRef } from '../records.ts'
import type { AgentStore } from '../store.ts'
import { agentIdOf, folderFor, makeAgentFolder } from './agent-folder.ts'
import type { DebouncedWriter } from './debounced-writer.ts'
import { clearRemoved } from './deleted-folders.ts'
import type { JournalStore } from './journal-store.ts'

/**
 * Number of agents from which their schema is compiled: compiling takes as long as checking about 800 records.
 */
const MANY = 800
/** Number of folders that are cleared before other work can run. */
const CLEARED_AT_ONCE = 50

export interface AgentFilesOptions {
  /** Folder that contains one folder per agent. */
  dir: string
  /** The journals in the agents' folders. */
  journals: JournalStore
  writer: DebouncedWriter
  logger: Logger
}

/** `agent.json` in each agent's folder. The key of an agent is the name of its folder. */
export class AgentFiles implements AgentStore {
  readonly #options: AgentFilesOptions
  readonly #keys = new Set<string>()
  #closed = false

  constructor(options: AgentFilesOptions) {
    this.#options = options
  }

  async load(): Promise<AgentRecord[]> {
    const { dir, journals, logger } = this.#options
    ensurePrivateDir(dir)
    const names = readdirSync(dir)
    clearRemoved(dir, names, logger)
    const found = new Map<string, AgentRecord>()
    const schema = names.length > MANY ? z.compile(AgentRecord) : AgentRecord
    for (const name of names) {
      if (agentIdOf(name) === undefined) continue
      try {
        this.#read(name, found, schema)
        // Renames a damaged journal, even if its agent is not known.
        await journals.open(name)
      } catch (error) {
        // Do not change the file, because a newer version of the hub wrote it.
        if (error instanceof UserError) throw error
        logger.error({ err: error, agent_id: name }, 'could not read an agent')
      }
    }
    void this.#clear(names)
    return [...found.values()]
  }

  /** Stops clearing folders, because another hub may write to them from now on. */
  close() {
    this.#closed = true
  }

  newKey(ref: AgentRef): string {
    const key = folderFor(ref, (name) => this.#keys.has(name))
    this.#keys.add(key)
    return key
  }

  saveSoon(record: AgentRecord) {
    this.#options.writer.later(this.#path(record.key), () => this.#write(record))
  }

  async save(record: AgentRecord): Promise<void> {
    this.#options.writer.now(this.#path(record.key), () => this.#write(record))
  }

  async remove(key: string): Promise<void> {
    const { writer, journals } = this.#options
    // Until the folder is deleted, no other agent may get its name.
    writer.now(this.#path(key), () => {
      journals.forget(key)
      this.#keys.delete(key)
    })
  }

  /**
   * Removes incomplete files of a killed hub after the start. This hub's own files are never incomplete while
   * this method runs, because they are written without interruption.
   */
  async #clear(names: string[]): Promise<void> {
    for (const [n, name] of names.entries()) {
      if (n % CLEARED_AT_ONCE === 0) await others()
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
    const name = read.ok && `${read.value.agent_id} ${read.value.machine_id}`
    if (read.ok && name && read.value.agent_id === agentIdOf(key) && !found.has(name)) {
      this.#keys.add(key)
      found.set(name, { ...read.value, key })
    } else if (read.ok || read.reason === 'damaged')
      // The machine reports the status again when it connects. The activity is kept.
      this.#options.logger.error({ agent_id: key, aside: setAside(path) }, 'damaged status renamed')
  }

  #write({ key, ...kept }: AgentRecord) {
    makeAgentFolder(join(this.#options.dir, key))
    writeAtomic(this.#path(key), JSON.stringify(kept))
  }

  #path(key: string) {
    return join(this.#options.dir, key, 'agent.json')
  }
}
