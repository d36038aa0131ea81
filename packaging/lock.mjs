import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Problem, root } from './npm.mjs'

const LOOK_MS = 200
/** Path of the lock file. It is outside node_modules, which npm ci empties. */
const path = join(root, '.installing')

/** @returns id of the process that holds the lock, or 1 for another user's; undefined if it has ended */
function holder() {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    // The id is 0 while the file is still empty; signal 0 to process 0, this process's own group, always succeeds.
    process.kill(pid, 0)
    return pid
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM' ? 1 : undefined
  }
}

/**
 * Acquires the lock on installing packages into this checkout, and waits while another process holds it.
 * @returns {Promise<() => void>} releases the lock
 * @throws {Problem} if this user may not write to the checkout
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
          `cannot install packages into ${root}: ${message}`,
          'Use a checkout that belongs to you, on a writable disk.',
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
