import { execFile } from 'node:child_process'
import { readFileSync, statfsSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'

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
 * Returns a function like `diskSpace`. While the path is missing or its disk fails, that function returns the
 * last known value.
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

/** Returns the memory of the machine, or of the control group that limits this process. */
export function memory(): Space {
  // On Linux, freemem() counts reclaimable caches as free (MemAvailable), in every supported version of Node.
  const machine = { total_bytes: totalmem(), available_bytes: freemem() }
  const limit = process.constrainedMemory?.() ?? 0
  if (limit === 0 || limit >= machine.total_bytes) return machine
  const used = cgroupBytes()
  const available = used === undefined ? machine.available_bytes : Math.max(0, limit - used)
  return { total_bytes: limit, available_bytes: Math.min(machine.available_bytes, available) }
}

/** Returns the part of the control group's memory that counts against its limit and cannot be reclaimed. */
function cgroupBytes(): number | undefined {
  try {
    const [, group] = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8')) ?? []
    const read = (name: string) => readFileSync(`/sys/fs/cgroup${group}/${name}`, 'utf8')
    const [, cache = '0'] = /^inactive_file (\d+)$/m.exec(read('memory.stat')) ?? []
    return Number(read('memory.current')) - Number(cache)
  } catch {
    return undefined
  }
}

/**
 * Gives the bytes `[from, to)` of a file back to the disk. The bytes then read as zeros, and all offsets stay
 * the same.
 * @returns false if the file system, or this machine, does not support it
 */
export const punchHole = (path: string, from: number, to: number): Promise<boolean> =>
  new Promise((resolve) => {
    const range = ['--offset', String(from), '--length', String(to - from)]
    execFile('fallocate', ['--punch-hole', ...range, path], (error) => resolve(error === null))
  })
