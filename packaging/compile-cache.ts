/**
 * Makes Node 22.8 and newer keep the compiled form of the program's chunks in a folder next to them. This is
 * the first file of the program that runs.
 *
 * V8 trusts compiled code. For that reason the folder belongs to this user, and no other user may enter it.
 * Users who can replace the folder can also replace the program itself. If the program belongs to another
 * user, no compiled form is kept, because the program's owner could not delete a folder that belongs to this
 * user.
 */
import { lstatSync, mkdirSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { join } from 'node:path'
import { COMPILE_CACHE } from '../src/platform/chunks.ts'

/** Functions of `node:module` that older versions lack. */
const { enableCompileCache, flushCompileCache } = nodeModule as {
  enableCompileCache?: (dir: string) => unknown
  flushCompileCache?: () => void
}

/**
 * Long-running commands. Each of these commands has its own compiled form, which contains the functions that
 * the command has run.
 */
const LASTING = ['run', 'up', 'hub']
/**
 * Delay until the compiled form is saved, in milliseconds. By then, a daemon has run the functions that it
 * needs to start.
 */
const SAVE_AFTER_MS = 5000

const isOwn = (path: string) => lstatSync(path).uid === process.geteuid?.()

function keepCompiled() {
  const [, , first = 'run'] = process.argv
  const command = first.startsWith('-') ? 'run' : first
  const kind = LASTING.includes(command) ? command : 'short'
  // An update runs `self-check` before the program is in its final folder.
  if (command === 'self-check' || enableCompileCache === undefined || !isOwn(__dirname)) return
  const dir = join(__dirname, COMPILE_CACHE)
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch {
    // Either the folder exists already, or the check below fails.
  }
  if (isOwn(dir) && lstatSync(dir).isDirectory() && (lstatSync(dir).mode & 0o077) === 0)
    enableCompileCache(join(dir, kind))
  if (kind !== 'short') setTimeout(() => flushCompileCache?.(), SAVE_AFTER_MS).unref()
}

try {
  keepCompiled()
} catch {
  // Without the compiled form, the program only starts more slowly.
}
