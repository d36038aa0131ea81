import { crc32 } from '../../../../platform/crc32.ts'

/** Maximum number of bytes before a record that are compared with the journal. */
const TAIL_BYTES = 4096
const NEWLINE = 10

/** Beginning of every record. */
const HEAD_START = '{"key":'
const KEY = /^[A-Za-z0-9][A-Za-z0-9_@.-]{0,199}$/

/** The last bytes of lines, by which the journal is recognized that these lines belong to. */
export interface Tail {
  bytes: number
  crc: number
}

/** The first line of a record. `bytes` bytes of lines follow. */
interface Head {
  /** Name of the agent's folder. */
  key: string
  /** Position of the lines in the agent's journal, in bytes. */
  at: number
  bytes: number
  crc: number
  before: Tail
}

/** A record without lines: the agent was removed, and earlier records no longer matter. */
interface Removal {
  key: string
  removed: true
}

/** Lines of an agent's journal. */
export interface Lines {
  /** Position of the lines, in bytes. */
  at: number
  lines: Buffer
  /** The lines that precede these lines in the journal. */
  before: Tail
}

export type CommitRecord = (Lines & { key: string }) | Removal

export function tailOf(lines: Buffer): Tail {
  const end = lines.subarray(-TAIL_BYTES)
  return { bytes: end.length, crc: crc32(end) }
}

/** Returns the parts of a record. */
export function recordOf(key: string, { at, lines, before }: Lines): Buffer[] {
  const head = JSON.stringify({ key, at, bytes: lines.length, crc: crc32(lines), before })
  return [Buffer.from(`${head}\n`), lines]
}

export const removalOf = (key: string) => [Buffer.from(`${JSON.stringify({ key, removed: true })}\n`)]

/**
 * Yields the whole records of a segment.
 * @param damaged called if a whole record follows a damaged record. A crash usually damages only the last records
 */
export function* recordsIn(segment: Buffer, damaged = () => {}): Generator<CommitRecord> {
  let isDamaged = false
  for (let at = 0; at < segment.length; ) {
    const found = recordAt(segment, at)
    if (found) {
      if (isDamaged) damaged()
      isDamaged = false
      yield found.record
      at = found.end
    } else {
      isDamaged = true
      // Lines of journals begin differently, and contain no other line feeds.
      const next = segment.indexOf(`\n${HEAD_START}`, at)
      at = next === -1 ? segment.length : next + 1
    }
  }
}

function recordAt(segment: Buffer, at: number): { record: CommitRecord; end: number } | undefined {
  const start = segment.indexOf(NEWLINE, at) + 1
  const head = start === 0 ? undefined : parseHead(segment.toString('utf8', at, start))
  if (!head) return undefined
  if ('removed' in head) return { record: head, end: start }
  const end = start + head.bytes
  const lines = segment.subarray(start, end)
  if (lines.length < head.bytes || lines.at(-1) !== NEWLINE || crc32(lines) !== head.crc) return undefined
  return { record: { key: head.key, at: head.at, lines, before: head.before }, end }
}

function parseHead(text: string): Head | Removal | undefined {
  let head: Partial<Head & Removal>
  try {
    head = JSON.parse(text)
  } catch {
    return undefined
  }
  const { key, at, bytes, crc, before, removed } = head ?? {}
  if (typeof key !== 'string' || !KEY.test(key)) return undefined
  if (removed === true) return { key, removed }
  if (!isSize(at) || !isSize(bytes) || !isSize(crc) || !isSize(before?.bytes) || !isSize(before.crc))
    return undefined
  return before.bytes <= Math.min(at, TAIL_BYTES) ? { key, at, bytes, crc, before } : undefined
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
