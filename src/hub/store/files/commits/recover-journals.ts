import { rmSync, statSync } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { crc32 } from '../../../../platform/crc32.ts'
import { reasonOf, systemCode, UserError } from '../../../../platform/errors.ts'
import { setAside, syncFolder } from '../../../../platform/files.ts'
import type { Logger } from '../../../../platform/log.ts'
import { orUndefined } from '../../../../platform/or-undefined.ts'
import { type Lines, recordsIn, tailOf } from './record.ts'
import { type SegmentFile, segmentsIn } from './segments.ts'

/** Number of journals that are recovered at once. */
const JOURNALS = 8
/** Errors that concern a single journal: its path leads to no file. */
const NO_JOURNAL = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP']

/** Time after which the system has written a changed file to the disk, in ms. By default, Linux waits for 30 s. */
const WRITTEN_MS = 60_000

export interface RecoveryOptions {
  /** Folder of the segments. */
  dir: string
  /** Returns the keys of all agents. */
  keys(): string[]
  /** Returns the path of an agent's journal. */
  pathOf(key: string): string
  logger: Logger
}

/** Records that follow each other without a gap. */
type Run = Lines[]

/** The last segment with a removal of each removed agent. */
type Removals = Map<string, number>

/**
 * Writes to the journals the lines that only the commit log has, because an earlier hub or its machine crashed. Then
 * syncs the journals, because the hub takes all their lines for durable, and deletes the log. Never changes a byte that was written. Renames a segment if it contains
 * lines that belong to no journal, or a damaged record before other records.
 * @throws UserError if the system refuses; nothing is lost then
 */
export async function recoverJournals(options: RecoveryOptions): Promise<void> {
  const { dir, logger } = options
  try {
    const segments = segmentsIn(dir)
    if (segments.length === 0) return
    logger.info('checking the latest activity after a crash')
    const removals = await removalsIn(segments.slice(1))
    const incomplete = new Set<SegmentFile>()
    for (const segment of segments)
      if (!(await recoverSegment(segment, removals, options))) incomplete.add(segment)
    await syncRecent(options)
    for (const segment of segments)
      if (incomplete.has(segment))
        logger.error({ aside: setAside(segment.path) }, 'commit log with unknown activity renamed')
      else rmSync(segment.path)
    syncFolder(dir)
  } catch (error) {
    throw new UserError(
      'recovery_failed',
      `Cannot recover activity after a crash: ${(error as Error).message}`,
      {
        remedy: 'Check this path and its disk, and whether the disk is full. Then start the hub again.',
        cause: error,
      },
    )
  }
}

async function removalsIn(segments: SegmentFile[]): Promise<Removals> {
  const removals: Removals = new Map()
  for (const { path, number } of segments)
    for (const record of recordsIn(await readFile(path)))
      if ('removed' in record) removals.set(record.key, number)
  return removals
}

/** @returns false if the segment contains activity that belongs to no journal or is damaged */
async function recoverSegment(
  { path, number }: SegmentFile,
  removals: Removals,
  { pathOf, logger }: RecoveryOptions,
): Promise<boolean> {
  let isComplete = true
  const damaged = () => {
    isComplete = false
    logger.error({ path }, 'the commit log is damaged before its end')
  }
  // Lines of an agent that was removed later belong to its former journal.
  const left = [...runsIn(await readFile(path), damaged)].filter(
    ([key]) => (removals.get(key) ?? 0) <= number,
  )
  await forEach(left, async ([key, runs]) => {
    const { restored, misfitting } = await recoverJournal(pathOf(key), runs)
    if (restored > 0) logger.warn({ agent: key, bytes: restored }, 'activity restored after a crash')
    if (misfitting === 0) return
    isComplete = false
    logger.error({ agent: key, bytes: misfitting }, 'lines of the commit log do not fit the activity')
  })
  return isComplete
}

/** Syncs journals to which a killed hub may have written lines without a sync. */
async function syncRecent({ keys, pathOf }: RecoveryOptions): Promise<void> {
  const since = Date.now() - WRITTEN_MS
  const isRecent = (path: string) => (orUndefined(() => statSync(path).mtimeMs) ?? 0) > since
  await forEach(keys().map(pathOf).filter(isRecent), async (path) => {
    const file = await open(path, 'r')
    try {
      await file.sync()
    } catch (error) {
      throw new Error(`${path}: ${reasonOf(error)}`, { cause: error })
    } finally {
      await file.close()
    }
  })
}

/** Handles several entries at once, and all of them even if one fails. @throws the error of one of them */
async function forEach<T>(entries: T[], handle: (entry: T) => Promise<void>): Promise<void> {
  const left = entries.values()
  const work = async () => {
    for (const entry of left) await handle(entry)
  }
  const results = await Promise.allSettled(Array.from({ length: JOURNALS }, work))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** Returns the lines in a segment, by agent. Lines before the removal of their agent are left out. */
function runsIn(segment: Buffer, damaged: () => void): Map<string, Run[]> {
  const agents = new Map<string, Run[]>()
  for (const record of recordsIn(segment, damaged)) {
    const { key } = record
    if ('removed' in record) {
      agents.delete(key)
      continue
    }
    const runs = agents.get(key) ?? []
    agents.set(key, runs)
    const run = runs.at(-1)
    if (run && isContinued(run.at(-1)!, record)) run.push(record)
    else runs.push([record])
  }
  return agents
}

function isContinued({ at, lines }: Lines, next: Lines): boolean {
  const tail = tailOf(lines)
  return at + lines.length === next.at && tail.bytes === next.before.bytes && tail.crc === next.before.crc
}

interface Recovered {
  /** Number of bytes that the journal lacked. */
  restored: number
  /** Number of bytes that do not fit into the journal. */
  misfitting: number
}

async function recoverJournal(path: string, runs: Run[]): Promise<Recovered> {
  const recovered = { restored: 0, misfitting: 0 }
  let file: FileHandle
  try {
    file = await open(path, 'r+')
  } catch (error) {
    if (!NO_JOURNAL.includes(systemCode(error) ?? '')) throw error
    return { restored: 0, misfitting: bytesOf(runs.flat()) }
  }
  try {
    for (const run of runs) await recoverRun(file, run, recovered)
    await file.sync()
    return recovered
  } catch (error) {
    throw new Error(`${path}: ${reasonOf(error)}`, { cause: error })
  } finally {
    await file.close()
  }
}

/** Writes all lines of a run together. If they do not fit, writes those that fit. */
async function recoverRun(file: FileHandle, run: Run, recovered: Recovered): Promise<void> {
  const bytes = await write(file, { ...run[0]!, lines: Buffer.concat(run.map(({ lines }) => lines)) })
  if (bytes !== undefined) recovered.restored += bytes
  else if (run.length > 1) for (const each of run) await recoverRun(file, [each], recovered)
  else recovered.misfitting += bytesOf(run)
}

const bytesOf = (run: Run) => run.reduce((sum, { lines }) => sum + lines.length, 0)

/** @returns the number of bytes that the journal lacked; undefined if the lines do not fit into the journal */
async function write(file: FileHandle, { at, lines, before }: Lines): Promise<number | undefined> {
  const tail = await readAt(file, at - before.bytes, before.bytes)
  if (tail.length < before.bytes || crc32(tail) !== before.crc) return undefined
  const found = await readAt(file, at, lines.length)
  const missing = missingBytes(found, lines)
  if (missing === undefined) return undefined
  // Lines that are present may exist only in memory, because an earlier sync has failed: writing them again makes
  // the next sync write them to the disk.
  for (let done = 0; done < lines.length; )
    done += (await file.write(lines, done, lines.length - done, at + done)).bytesWritten
  return lines.length - found.length + missing
}

/**
 * Returns the number of bytes that are zero instead of the expected bytes, because the file system never wrote them;
 * undefined if other bytes differ.
 */
function missingBytes(found: Buffer, expected: Buffer): number | undefined {
  let missing = 0
  if (found.equals(expected.subarray(0, found.length))) return missing
  for (let n = 0; n < found.length; n++) {
    if (found[n] === expected[n]) continue
    if (found[n] !== 0) return undefined
    missing++
  }
  return missing
}

/** Returns at most `length` bytes, fewer at the end of the file. */
async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  let size = 0
  for (;;) {
    const { bytesRead } = await file.read(buffer, size, length - size, at + size)
    size += bytesRead
    if (bytesRead === 0 || size === length) return buffer.subarray(0, size)
  }
}
