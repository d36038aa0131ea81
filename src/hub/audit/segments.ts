import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { AuditLimits } from '../../config/hub-limits.ts'
import { systemCode } from '../../platform/errors.ts'
import { AppendFile } from '../append-file.ts'

/** Lines that are handed out at a time. In between, the hub does what else there is to do. */
const LINES = 500

interface Segment {
  /** Number of its first line. */
  first: number
  path: string
}

/**
 * Numbered lines in a folder, oldest first, in files that are named after the number of their first line. The oldest file
 * goes when there are too many.
 */
export class Segments {
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
    // Cuts off what a crash has torn: nobody was told that it was written.
    this.#file = new AppendFile(last.path)
    this.#newest = last.first + linesOf(textOf(last.path)).length - 1
  }

  /** Number of the oldest line that is kept. */
  get first() {
    return this.#segments[0]!.first
  }

  /** Number of the newest line, whether or not it is on the disk yet. */
  get newest() {
    return this.#newest
  }

  /** Characters that are not on the disk yet. */
  get waiting() {
    return this.#file.waiting
  }

  /** Is on the disk after the next flush. @param make the line with this number */
  add(make: (n: number) => string) {
    this.#newest++
    this.#file.add(make(this.#newest))
  }

  /**
   * Resolves when all that was added before is on the disk.
   * @returns numbers of the lines that had to go for it
   * @throws the system's error: it is tried again with the next
   */
  flush(): Promise<{ from: number; to: number } | undefined> {
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

  /** The lines, some at a time, from the file with line `from` on. */
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

  /** The lines, some at a time, the newest of these first. */
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
      // Nothing was written yet, or it has gone meanwhile.
      if (systemCode(error) === 'ENOENT') return Buffer.alloc(0)
      throw error
    })
    return linesOf(bytes.subarray(0, size).toString('utf8'))
  }

  #rotate(): { from: number; to: number } | undefined {
    if (this.#file.size < this.#limits.bytes || !this.#file.empty) return undefined
    this.#file = new AppendFile(this.#begin(this.#newest + 1).path)
    const surplus = this.#surplus()
    if (surplus === 0) return undefined
    const from = this.first
    for (const { path } of this.#segments.splice(0, surplus)) rmSync(path, { force: true })
    return { from, to: this.first - 1 }
  }

  /** How many of the oldest files are too many, or too much where files were longer when they were written. */
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

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}
