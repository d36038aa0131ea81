import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder, writeAtomic } from '../../../platform/files.ts'
import type { LineRange } from '../audit-log.ts'
import type { Addition, AuditLine, ListName, ListOf, StoredLine, WritableContents } from '../contents.ts'
import { wholeLine } from '../journal-line.ts'
import type { MigrationRecord } from '../migration-record.ts'
import { journalPath, makeAgentFolder, recordPath } from './agent-folder.ts'
import { cutTornEnd } from './append-file.ts'
import { FileContents } from './file-contents.ts'
import { lastLine } from './journal-end.ts'
import { LIST_FILES, type ListFileName, STORE_FILES } from './list-files.ts'

/** Size of a file of the audit log, in bytes. */
const AUDIT_BYTES = 4 * 1024 * 1024

/** Changes the files of a store in a folder that this process has locked. */
export class WritableFileContents extends FileContents implements WritableContents {
  readonly #unlock: () => void

  constructor(dir: string, unlock: () => void) {
    super(dir)
    this.#unlock = unlock
  }

  async last(key: string): Promise<StoredLine | undefined> {
    const path = journalPath(this.agentsDir, key)
    const size = cutTornEnd(path)
    if (size === 0) return undefined
    const { line } = lastLine(path, size)
    const head = wholeLine(line)
    return head && { head, bytes: line }
  }

  async add(additions: readonly Addition[]): Promise<void> {
    for (const { key, lines, record } of additions) {
      const folder = join(this.agentsDir, key)
      makeAgentFolder(folder)
      if (lines.length > 0) await this.#append(key, lines)
      if (record) writeAtomic(recordPath(this.agentsDir, key), JSON.stringify(record), { durable: true })
      else syncFolder(folder)
    }
    if (additions.length > 0) syncFolder(this.agentsDir)
  }

  async removeAgent(key: string): Promise<void> {
    rmSync(join(this.agentsDir, key), { recursive: true, force: true })
  }

  async replaceList<N extends ListName>(name: N, records: readonly ListOf<N>[]): Promise<void> {
    if (name === 'commands') return this.#write(STORE_FILES.commands, linesOf(records))
    if (name !== 'push key') {
      const { file, field } = LIST_FILES[name as ListFileName]
      return this.#write(file, JSON.stringify({ version: 1, [field]: records }, null, 2))
    }
    const [key] = records as readonly ListOf<'push key'>[]
    if (key) this.#write(STORE_FILES.pushKey, key.pem)
    else rmSync(join(this.dir, STORE_FILES.pushKey), { force: true })
  }

  async replaceAudit(lines: AsyncIterable<AuditLine[]>): Promise<LineRange | undefined> {
    const dir = join(this.dir, STORE_FILES.audit)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true, force: true })
    let range: LineRange | undefined
    let file: AuditLine[] = []
    let chars = 0
    const flush = () => {
      if (file.length > 0)
        writeAtomic(join(dir, `${String(file[0]!.n).padStart(12, '0')}.jsonl`), textOf(file), {
          durable: true,
        })
      file = []
      chars = 0
    }
    for await (const batch of lines)
      for (const each of batch) {
        // A file has consecutive lines.
        if (chars > AUDIT_BYTES || (range && each.n !== range.to + 1)) flush()
        range = { from: range?.from ?? each.n, to: each.n }
        file.push(each)
        chars += each.line.length
      }
    flush()
    syncFolder(this.dir)
    return range
  }

  async setMigration(record: MigrationRecord): Promise<void> {
    this.#write(STORE_FILES.migration, JSON.stringify(record))
  }

  override async close() {
    this.#unlock()
  }

  async #append(key: string, lines: readonly StoredLine[]): Promise<void> {
    const file = await open(journalPath(this.agentsDir, key), 'a', 0o600)
    try {
      const newline = Buffer.from('\n')
      await file.appendFile(Buffer.concat(lines.flatMap(({ bytes }) => [bytes, newline])))
      await file.datasync()
    } finally {
      await file.close()
    }
  }

  #write(name: string, text: string) {
    writeAtomic(join(this.dir, name), text, { durable: true })
  }
}

const linesOf = (records: readonly unknown[]) => records.map((each) => `${JSON.stringify(each)}\n`).join('')
const textOf = (lines: readonly AuditLine[]) => lines.map(({ line }) => `${line}\n`).join('')
