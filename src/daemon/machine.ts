import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic, writeDurable } from '../platform/files.ts'

/** `machine.json` in the state folder. */
export const MachineRecord = z.object({
  version: z.literal(1),
  machine_id: z.string(),
  created_at: z.string(),
  /**
   * Number of times that a daemon was started on this folder. This number is the high part of every revision.
   */
  starts: z.int(),
})

/** Maximum number of revisions within one start. */
const REVISIONS_PER_START = 2 ** 30

export interface Machine {
  machine_id: string
  /** True if the identity was just created. */
  isNew: boolean
  /**
   * True if the state folder was lost or damaged, so that the identity was restored from the copy next to the
   * key.
   */
  restored: boolean
  /** Path to which a damaged file was moved, if any. */
  damaged?: string
  /** Returns a revision that is higher than all revisions that this machine has used before. */
  nextRevision(): number
  /**
   * Resolves when the record of this start is on the disk and would survive a power failure. Before that, the
   * daemon sends no id or revision.
   * @throws the system's error; the next call tries again
   */
  saved(): Promise<void>
  /** Writes `machine.json` again if it was deleted. @throws the system's error */
  keep(): void
}

/**
 * Opens the id by which the server knows this machine. Creates the id on the first start.
 * @param kept machine id from the copy next to the key, if there is a copy
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
        // If the number of starts was lost, use the minutes since 2024 instead. This value certainly exceeds
        // the lost number, so that revisions still grow. Seconds would exceed the range of JSON numbers.
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
  // Do not wait for the disk: the daemon can connect in the meantime.
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
