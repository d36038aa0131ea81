import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { AuditLimits } from '../../../config/hub-limits.ts'
import { systemCode } from '../../../platform/errors.ts'
import { ifPresent } from '../../../platform/or-undefined.ts'
import type { AuditLog, LineRange } from '../audit-log.ts'
import { AppendFile } from './append-file.ts'

/** Number of lines per batch. The hub does other work between batches. */
const LINES = 500

interface Segment {
  /** Number of the first line. */
  first: number
  path: string
}

/**
 * Numbered lines in a folder. Each file is named after the number of its first line. When there are too many
 * files, the oldest is deleted.
 */
export class Segments implements AuditLog {
  readonly #dir: string
  readonly #limits: AuditLimits
  readonly #segments: Segment[]
  #file: AppendFile
  #newest: number
  #turn: Promise<void> = Promise.resolve()

  constructor(dir: string, limits: AuditLimits) {
    this.#dir = dir
    this.#limits = limits
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    this.#segments = segmentsIn(dir)
    const last = this.#segments.at(-1) ?? this.#begin(1)
    // Cuts off a partial line that a crash left. This line was never acknowledged.
    this.#file = new AppendFile(last.path)
    this.#newest = last.first + linesOf(textOf(last.path)).length - 1
  }

  get first() {
    return this.#segments[0]!.first
  }

  get newest() {
    return this.#newest
  }

  get waiting() {
    return this.#file.waiting
  }

  add(make: (n: number) => string) {
    this.#newest++
    this.#file.add(make(this.#newest))
  }

  flush(): Promise<LineRange | undefined> {
    const turn = this.#turn.then(async () => {
      await this.#file.flush()
      return this.#rotate()
    })
    this.#turn = turn.then(
      () => {},
      () => {},
    )
    return turn
  }

  /** Begin with the file that contains line `from`. */
  async *read(from: number): AsyncGenerator<string[]> {
    for (const [at, { path }] of [...this.#segments].entries()) {
      const next = this.#segments[at + 1]
      if (next && next.first <= from) continue
      const lines = await this.#linesAt(path)
      for (let at = 0; at < lines.length; at += LINES) {
        yield lines.slice(at, at + LINES)
        await setImmediate()
      }
    }
  }

  async *readBack(): AsyncGenerator<string[]> {
    for (const { path } of [...this.#segments].reverse()) {
      const lines = await this.#linesAt(path)
      for (let end = lines.length; end > 0; end -= LINES) {
        yield lines.slice(Math.max(0, end - LINES), end)
        await setImmediate()
      }
    }
  }

  async #linesAt(path: string): Promise<string[]> {
    const size = path === this.#file.path ? this.#file.size : undefined
    const bytes = await readFile(path).catch((error) => {
      // The file was not written yet, or was deleted after the folder was read.
      if (systemCode(error) === 'ENOENT') return Buffer.alloc(0)
      throw error
    })
    return linesOf(bytes.subarray(0, size).toString('utf8'))
  }

  #rotate(): LineRange | undefined {
    if (this.#file.size < this.#limits.bytes || !this.#file.empty) return undefined
    this.#file = new AppendFile(this.#begin(this.#newest + 1).path)
    const surplus = this.#surplus()
    if (surplus === 0) return undefined
    const from = this.first
    for (const { path } of this.#segments.splice(0, surplus)) rmSync(path, { force: true })
    return { from, to: this.first - 1 }
  }

  /**
   * Returns how many of the oldest files to delete. Also limits the total size, because older files may be
   * larger if the limit was higher.
   */
  #surplus(): number {
    const { bytes, files } = this.#limits
    const newestFirst = [...this.#segments].reverse()
    let sum = 0
    const kept = newestFirst.findIndex(({ path }, at) => {
      sum += sizeOf(path)
      return at >= files || sum > bytes * (files + 1)
    })
    return kept === -1 ? 0 : newestFirst.length - kept
  }

  #begin(first: number): Segment {
    const segment = { first, path: join(this.#dir, `${String(first).padStart(12, '0')}.jsonl`) }
    this.#segments.push(segment)
    return segment
  }
}

function segmentsIn(dir: string): Segment[] {
  const names = readdirSync(dir).filter((name) => /^\d{12,15}\.jsonl$/.test(name))
  return names
    .map((name) => ({ first: Number.parseInt(name, 10), path: join(dir, name) }))
    .sort((a, b) => a.first - b.first)
}

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0

const linesOf = (text: string) => text.split('\n').slice(0, -1)

const textOf = (path: string) => ifPresent(() => readFileSync(path, 'utf8')) ?? ''
