import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic, writeDurable } from '../platform/files.ts'

/** `machine.json` in the state folder. */
export const MachineRecord = z.object({
  version: z.literal(1),
  machine_id: z.string(),
  created_at: z.string(),
  /** How often a daemon has started on this folder: the leading part of every status's revision. */
  starts: z.int(),
})

/** Statuses a daemon can number within one start. */
const REVISIONS_PER_START = 2 ** 30

export interface Machine {
  machine_id: string
  /** Nothing was known of it before. */
  isNew: boolean
  /** Its folder was lost, or damaged: it is who it was by what is kept beside its key. */
  restored: boolean
  /** Where a damaged file was set aside, if one was. */
  damaged?: string
  /** Higher than any revision this machine has used before. */
  nextRevision(): number
  /**
   * Resolves once what this start has changed would survive a power failure. Nobody is told an id or a revision before.
   * @throws the system's error; the next call tries again
   */
  saved(): Promise<void>
  /** Writes the same anew where it is gone. @throws the system's error */
  keep(): void
}

/**
 * Who this machine is to its server; made on the first start.
 * @param kept the id that is kept beside its key
 */
export function openMachine(path: string, now: string, kept?: string): Machine {
  const read = readJson(path, MachineRecord)
  const damaged = !read.ok && read.reason === 'damaged' ? setAside(path) : undefined
  const known = read.ok
    ? read.value
    : {
        version: 1 as const,
        machine_id: kept ?? randomUUID(),
        created_at: now,
        // After a loss, the minutes since 2024 are above any count of starts, so that revisions still grow; in seconds
        // they would outgrow what JSON numbers hold.
        starts: damaged || kept !== undefined ? Math.floor(Date.now() / 60_000) - 28_400_000 : 0,
      }
  const record = { ...known, starts: known.starts + 1 }
  let saving: Promise<void> | undefined
  const saved = () => {
    saving ??= writeDurable(path, JSON.stringify(record)).catch((error) => {
      saving = undefined
      throw error
    })
    return saving
  }
  const keep = () => {
    if (!existsSync(path)) writeAtomic(path, JSON.stringify(record), { durable: true })
  }
  // A disk takes its time for it: meanwhile the connection is made.
  saved().catch(() => {})
  let revision = record.starts * REVISIONS_PER_START
  return {
    machine_id: record.machine_id,
    isNew: !read.ok && kept === undefined,
    restored: !read.ok && kept !== undefined,
    nextRevision: () => ++revision,
    saved,
    keep,
    ...(damaged && { damaged }),
  }
}
