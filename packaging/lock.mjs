import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Problem, root } from './npm.mjs'

const LOOK_MS = 200
/** Outside node_modules, which npm ci empties. */
const path = join(root, '.installing')

/** @returns the process that holds the lock; undefined where it has ended */
function holder() {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    // 0 for a file that has just been created: every process may signal its own group.
    process.kill(pid, 0)
    return pid
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM' ? 1 : undefined
  }
}

/**
 * Waits until no other process installs packages into this checkout, and keeps others waiting.
 * @returns {Promise<() => void>} lets the next one in
 * @throws {Problem} where this user may not write to the checkout
 */
export async function lock() {
  for (let waiting = false; ; ) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      const { code, message } = /** @type {NodeJS.ErrnoException} */ (error)
      if (code !== 'EEXIST')
        throw new Problem(
          `Packages cannot be installed into ${root}: ${message}`,
          'Use a checkout that belongs to you, on a disk that can be written to.',
        )
    }
    const pid = holder()
    if (pid === undefined) rmSync(path, { force: true })
    else {
      if (!waiting) process.stderr.write('Waiting for another npm ci in this checkout …\n')
      waiting = true
      await setTimeout(LOOK_MS)
    }
  }
}
