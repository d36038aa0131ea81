import { execFile } from 'node:child_process'
import { existsSync, statfsSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { groupFolder, groupNumber } from './control-groups.ts'
import { trustedEnvironment } from './trusted-path.ts'

export interface Space {
  total_bytes: number
  available_bytes: number
}

/** Returns the space on the file system of `path` that this user may use. */
export function diskSpace(path: string): Space {
  const { bsize, blocks, bavail } = statfsSync(path)
  return { total_bytes: blocks * bsize, available_bytes: bavail * bsize }
}

/**
 * Returns a function like `diskSpace` that returns the last known value while the path is missing or its disk
 * fails.
 */
export function diskSpaceOf(path: string): () => Space {
  let last: Space = { total_bytes: 0, available_bytes: 0 }
  return () => {
    try {
      last = diskSpace(path)
    } catch {
      // Other checks report the missing path or the disk's failure.
    }
    return last
  }
}

/**
 * Returns the memory that this process can use: the machine's memory, or less if a control group limits the
 * process.
 */
export function memory(): Space {
  // On Linux, freemem() counts reclaimable caches as free (MemAvailable), in every supported version of Node.
  const machine = { total_bytes: totalmem(), available_bytes: freemem() }
  const limit = process.constrainedMemory?.() || machine.total_bytes
  const spaces = [
    machine,
    { total_bytes: limit, available_bytes: limit },
    ...groupSpaces(groupFolder('self')),
  ]
  return {
    total_bytes: Math.min(...spaces.map(({ total_bytes }) => total_bytes)),
    available_bytes: Math.min(...spaces.map(({ available_bytes }) => available_bytes)),
  }
}

/**
 * Returns the memory that a control group, and each group around it, may use. Omits groups without a limit.
 */
export function groupSpaces(folder: string | undefined): Space[] {
  const max = folder === undefined ? undefined : join(folder, 'memory.max')
  // The outermost group has no file with limits.
  if (folder === undefined || max === undefined || !existsSync(max)) return []
  const limit = groupNumber(max)
  const cache = groupNumber(join(folder, 'memory.stat'), 'inactive_file') ?? 0
  const used = (groupNumber(join(folder, 'memory.current')) ?? 0) - cache
  const own = limit === undefined ? [] : [{ total_bytes: limit, available_bytes: Math.max(0, limit - used) }]
  return [...own, ...groupSpaces(dirname(folder))]
}

/**
 * Gives the bytes `[from, to)` of a file back to the disk. The bytes then read as zeros, and all offsets stay
 * the same.
 * @returns false if the file system, or this machine, does not support it
 */
export const punchHole = (path: string, from: number, to: number): Promise<boolean> =>
  new Promise((resolve) => {
    const range = ['--offset', String(from), '--length', String(to - from)]
    execFile('fallocate', ['--punch-hole', ...range, path], { env: trustedEnvironment() }, (error) =>
      resolve(error === null),
    )
  })
