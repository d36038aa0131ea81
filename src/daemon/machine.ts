import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic, writeDurable } from '../platform/files.ts'

/** `machine.json` in the state folder. */
export const MachineRecord = z.object({
  version: z.literal(1),
  machine_id: z.string(),
  created_at: z.string(),
  /** Number of daemon starts on this folder: the leading part of every revision. */
  starts: z.int(),
})

/** Maximum number of revisions within one start. */
const REVISIONS_PER_START = 2 ** 30

export interface Machine {
  machine_id: string
  /** True if the identity was just created. */
  isNew: boolean
  /** True if the folder was lost or damaged, and the identity comes from the copy next to the key. */
  restored: boolean
  /** Path to which a damaged file was moved, if any. */
  damaged?: string
  /** Returns a revision that is higher than any this machine has used before. */
  nextRevision(): number
  /**
   * Resolves once the changes of this start would survive a power failure. Until then, no id or revision is
   * sent.
   * @throws the system's error; the next call tries again
   */
  saved(): Promise<void>
  /** Restores the file if it is gone. @throws the system's error */
  keep(): void
}

/**
 * Opens this machine's identity for its server; creates it on the first start.
 * @param kept id from the copy next to the key
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
        // After a loss, the minutes since 2024 exceed any number of starts, so that revisions still grow;
        // seconds would exceed the range of JSON numbers.
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
  // The disk takes some time; connect in the meantime.
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
