// Needs: root, mount, fallocate
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cleanup } from './temp.ts'

const MIB = 1024 * 1024

/** A separate disk in memory. Needs root. */
export class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), 'fomular-disk-'))
  readonly #filler = join(this.path, 'filler')

  /** @param mib size of the disk; only the used space takes memory */
  constructor(t: Cleanup, mib: number) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=700`, 'tmpfs', this.path])
    t.after(() => {
      // Unmounts lazily, because an ending process may still have a file open on the disk.
      execFileSync('umount', ['--lazy', this.path])
      rmdirSync(this.path)
    })
  }

  /** Fills the disk except for `leftMib`. With 0, fills it to the last byte. */
  fill(leftMib = 0) {
    const { bavail, bsize } = statfsSync(this.path)
    // Leave some space at first: `fallocate` would fail if another process wrote in the meantime.
    const size = bavail * bsize - Math.max(leftMib, 4) * MIB
    if (size > 0) execFileSync('fallocate', ['--length', String(size), this.#filler])
    if (leftMib > 0) return
    const fd = openSync(`${this.#filler}.rest`, 'a')
    try {
      for (;;) writeSync(fd, Buffer.alloc(4096))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(fd)
    }
  }

  clear() {
    for (const path of [this.#filler, `${this.#filler}.rest`]) rmSync(path, { force: true })
  }
}
