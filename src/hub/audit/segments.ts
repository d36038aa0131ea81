import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../platform/errors.ts'
import { AppendFile } from '../append-file.ts'

export interface SegmentLimits {
  /** A file that is as long gets no further lines. */
  bytes: number
  /** Files that are kept. */
  files: number
}

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
  readonly #limits: SegmentLimits
  readonly #segments: Segment[]
  #file: AppendFile
  #newest: number
  #turn: Promise<void> = Promise.resolve()

  constructor(dir: string, limits: SegmentLimits) {
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

  /** The lines of each file from that with line `from` on. */
  async *read(from = 0): AsyncGenerator<string[]> {
    for (const [at, { path }] of [...this.#segments].entries()) {
      const next = this.#segments[at + 1]
      if (next && next.first <= from) continue
      yield await this.#linesAt(path)
    }
  }

  /** The lines of each file, the newest file first. */
  async *readBack(): AsyncGenerator<string[]> {
    for (const { path } of [...this.#segments].reverse()) yield await this.#linesAt(path)
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
    const surplus = this.#segments.length - this.#limits.files
    if (surplus <= 0) return undefined
    const from = this.first
    for (const { path } of this.#segments.splice(0, surplus)) rmSync(path, { force: true })
    return { from, to: this.first - 1 }
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

const linesOf = (text: string) => text.split('\n').slice(0, -1)

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}
