// Needs: root, mount, fallocate
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode } from '../../src/platform/errors.ts'

const REFILL_MS = 50

/** A small separate disk: a tmpfs that only this process and its children see. */
export class Disk {
  readonly path: string
  #filling: NodeJS.Timeout | undefined
  #ballast = 0

  constructor(path: string, mebibytes: number) {
    this.path = path
    mkdirSync(path)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'chaos', path])
  }

  get full() {
    return this.#filling !== undefined
  }

  /** Fills the disk, and keeps filling space that other processes free. */
  fill() {
    if (this.full) return
    this.#fill()
    this.#filling = setInterval(() => this.#fill(), REFILL_MS)
  }

  free() {
    clearInterval(this.#filling)
    this.#filling = undefined
    for (; this.#ballast > 0; this.#ballast--) rmSync(this.#path(this.#ballast), { force: true })
  }

  unmount() {
    this.free()
    // Unmounts lazily: processes that still use the disk keep it until they end.
    execFileSync('umount', ['--lazy', this.path])
  }

  #fill() {
    const { bavail, bsize } = statfsSync(this.path)
    if (bavail === 0) return
    this.#ballast++
    try {
      writeFileSync(this.#path(this.#ballast), Buffer.alloc(bavail * bsize))
    } catch (error) {
      if (systemCode(error) !== 'ENOSPC') throw error
    }
  }

  #path(n: number) {
    return join(this.path, `ballast-${n}`)
  }
}
