import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { livingHub } from '../../../config/hub.ts'
import { parseJsonLine, readJson } from '../../../platform/files.ts'
import { ifPresent } from '../../../platform/or-undefined.ts'
import {
  type AuditLine,
  type Contents,
  type Damaged,
  type Finding,
  LISTS,
  type ListName,
  type ListOf,
  type StoredAgent,
} from '../contents.ts'
import { MigrationRecord } from '../migration-record.ts'
import { isPushKey } from '../push-key.ts'
import { AgentRecord } from '../records.ts'
import { agentFolders, isFolderOf, journalPath, recordPath } from './agent-folder.ts'
import { segmentsIn } from './commits/segments.ts'
import { LIST_FILES, type ListFileName, STORE_FILES } from './list-files.ts'
import { storedLines } from './stored-lines.ts'

/** Number of agents and of lines of the audit log per batch. */
const AGENTS = 500
const LINES = 500

/** Reads the files of a store, also while a hub uses them. Changes nothing. */
export class FileContents implements Contents {
  readonly place: string
  protected readonly dir: string
  protected readonly agentsDir: string

  constructor(dir: string) {
    this.place = dir
    this.dir = dir
    this.agentsDir = join(dir, STORE_FILES.agents)
  }

  async size() {
    const keys = agentFolders(this.agentsDir)
    const sizes = keys.map((key) => sizeOf(journalPath(this.agentsDir, key)))
    return { agents: keys.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
  }

  async *agents(damaged: Damaged): AsyncGenerator<StoredAgent[]> {
    const known = new Map<string, string>()
    const keys = agentFolders(this.agentsDir).sort()
    for (let at = 0; at < keys.length; at += AGENTS)
      yield keys.slice(at, at + AGENTS).map((key) => ({ key, record: this.#record(key, known, damaged) }))
  }

  async hasAgent(key: string) {
    return existsSync(join(this.agentsDir, key))
  }

  lines(key: string, after: number, damaged: Damaged) {
    return storedLines(journalPath(this.agentsDir, key), after, damaged)
  }

  async list<N extends ListName>(name: N, damaged: Damaged): Promise<ListOf<N>[]> {
    if (name === 'commands') return this.#commands(damaged) as ListOf<N>[]
    if (name === 'push key') return this.#pushKey(damaged) as ListOf<N>[]
    const { file, field } = LIST_FILES[name as ListFileName]
    const schema = z.object({ version: z.literal(1), [field]: z.array(LISTS[name] as z.ZodMiniType) })
    const read = readJson(join(this.dir, file), schema)
    if (read.ok) return read.value[field] as ListOf<N>[]
    if (read.reason === 'damaged') damaged(`${file} cannot be read: ${read.problem}`, 'list')
    return []
  }

  async *audit(): AsyncGenerator<AuditLine[]> {
    const dir = join(this.dir, STORE_FILES.audit)
    const names = (ifPresent(() => readdirSync(dir)) ?? []).filter((name) => /^\d{12,15}\.jsonl$/.test(name))
    names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    for (const name of names) {
      let n = Number.parseInt(name, 10)
      const text = await readFile(join(dir, name), 'utf8')
      const lines = text.split('\n').slice(0, -1)
      for (let at = 0; at < lines.length; at += LINES)
        yield lines.slice(at, at + LINES).map((line) => ({ n: n++, line }))
    }
  }

  async migration(): Promise<MigrationRecord | undefined> {
    return migrationIn(this.dir)
  }

  async findings(): Promise<Finding[]> {
    const hub = livingHub(this.dir)
    if (hub)
      return [{ level: 'note', kind: 'running', message: `A hub uses this folder (process ${hub.pid}).` }]
    if (segmentsIn(join(this.dir, STORE_FILES.commits)).length === 0) return []
    return [
      {
        level: 'note',
        kind: 'recovery',
        message: 'The hub was killed. Its next start completes the histories from the commit log.',
      },
    ]
  }

  async close() {}

  #record(key: string, known: Map<string, string>, damaged: Damaged): StoredAgent['record'] {
    const read = readJson(recordPath(this.agentsDir, key), AgentRecord)
    if (!read.ok) {
      if (read.reason === 'damaged')
        damaged(`the record of agent ${key} cannot be read: ${read.problem}`, 'record')
      return undefined
    }
    const { agent_id, machine_id } = read.value
    const name = JSON.stringify([agent_id, machine_id])
    const other = known.get(name)
    if (isFolderOf(key, agent_id) && other === undefined) {
      known.set(name, key)
      return read.value
    }
    damaged(
      other === undefined
        ? `the folder ${key} contains the agent ${agent_id}`
        : `the folders ${other} and ${key} contain the same agent`,
      'record',
    )
    return undefined
  }

  #commands(damaged: Damaged): ListOf<'commands'>[] {
    const path = join(this.dir, STORE_FILES.commands)
    const lines = (ifPresent(() => readFileSync(path, 'utf8')) ?? '').split('\n').slice(0, -1)
    return lines.flatMap((text, n) => {
      if (text.trim() === '') return []
      const read = parseJsonLine(path, text, LISTS.commands)
      if (!read) damaged(`line ${n + 1} of ${STORE_FILES.commands} cannot be read`, 'record')
      return read ? [read] : []
    })
  }

  #pushKey(damaged: Damaged): ListOf<'push key'>[] {
    const pem = ifPresent(() => readFileSync(join(this.dir, STORE_FILES.pushKey), 'utf8'))
    if (pem === undefined) return []
    if (!isPushKey(pem)) damaged(`${STORE_FILES.pushKey} cannot be read`, 'list')
    return [{ pem }]
  }
}

/** Returns what the store in a folder knows about its copy. @throws UserError if it cannot be read */
export function migrationIn(dir: string): MigrationRecord | undefined {
  const path = join(dir, STORE_FILES.migration)
  const read = readJson(path, MigrationRecord)
  if (!read.ok && read.reason === 'damaged') throw new Error(`${path} cannot be read: ${read.problem}`)
  return read.ok ? read.value : undefined
}

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0
