import { closeSync, readFileSync, statSync } from 'node:fs'
import * as z from 'zod/mini'
import { crc32 } from '../../../platform/crc32.ts'
import { writeAtomic } from '../../../platform/files.ts'
import { openOwned } from '../../../platform/open-owned.ts'
import { orUndefined } from '../../../platform/or-undefined.ts'
import { VERSION } from '../../../platform/version.ts'
import type { AgentRecord } from '../records.ts'
import type { JournalEnd } from './journal-end.ts'

/** Maximum size of a snapshot, in bytes: the hub reads it at once. */
const SNAPSHOT_BYTES = 64 * 1024 * 1024
/**
 * Minimum age of a file in a snapshot, in milliseconds. File systems record times in steps of up to 2 s, so a younger
 * file may change again without a new time.
 */
const SETTLED_MS = 3000

/** Inode, size, and time of the last change of a file; null if there is no file. */
type Mark = [inode: number, bytes: number, changedMs: number] | null

/** The files of an agent, as a hub read them. */
export interface AgentShot {
  record: Omit<AgentRecord, 'key'>
  end: JournalEnd
  /** Marks of the record and of the journal. */
  marks: [Mark, Mark]
}

/** Paths of the files of an agent. */
export type ShotPaths = [record: string, journal: string]

const Head = z.object({ version: z.literal(1), program: z.literal(VERSION), crc32: z.number() })

/**
 * Reads the agents in a snapshot, by key. Returns none if there is no snapshot, or if it is damaged or from another
 * version of the program, whose records may differ.
 */
export function readSnapshot(path: string): Map<string, AgentShot> {
  return orUndefined(() => parseSnapshot(readBytes(path))) ?? new Map()
}

function readBytes(path: string): Buffer {
  const fd = openOwned(path, SNAPSHOT_BYTES)
  try {
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}

function parseSnapshot(bytes: Buffer): Map<string, AgentShot> | undefined {
  const end = bytes.indexOf('\n')
  const head = Head.safeParse(JSON.parse(bytes.toString('utf8', 0, end)))
  const body = bytes.subarray(end + 1)
  if (!head.success || crc32(body) !== head.data.crc32) return undefined
  return new Map(JSON.parse(body.toString()) as [string, AgentShot][])
}

/** Reports whether the files of an agent are unchanged since they were read. */
export const isCurrent = ({ marks }: AgentShot, paths: ShotPaths): boolean =>
  paths.every((path, n) => isSameMark(markOf(path), marks[n]!))

/** Writes a snapshot, unless it is too long. @throws the system error */
export function writeSnapshot(path: string, shots: ReadonlyMap<string, AgentShot>) {
  const body = Buffer.from(JSON.stringify([...shots]))
  if (body.length > SNAPSHOT_BYTES - 1024) return
  const head: z.infer<typeof Head> = { version: 1, program: VERSION, crc32: crc32(body) }
  writeAtomic(path, `${JSON.stringify(head)}\n${body}`)
}

/**
 * Reads the files of an agent for a snapshot. Returns undefined if they are younger than the minimum age, or change
 * while they are read.
 * @param now the present time of the file system
 * @param read reads the files; undefined if they are damaged
 */
export function takeShot(
  paths: ShotPaths,
  now: number,
  read: () => Omit<AgentShot, 'marks'> | undefined,
): AgentShot | undefined {
  const marks = paths.map(markOf) as AgentShot['marks']
  if (marks.some((mark) => mark && mark[2] > now - SETTLED_MS)) return undefined
  const found = read()
  const shot = found && { ...found, marks }
  return shot && isCurrent(shot, paths) && (marks[1]?.[1] ?? 0) === shot.end.size ? shot : undefined
}

function markOf(path: string): Mark {
  const found = statSync(path, { throwIfNoEntry: false })
  return found ? [found.ino, found.size, found.ctimeMs] : null
}

const isSameMark = (a: Mark, b: Mark) =>
  a === b || (a !== null && b !== null && a[0] === b[0] && a[1] === b[1] && a[2] === b[2])
