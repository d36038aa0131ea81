/**
 * Makes Node 22.8 and newer keep the compiled form of the program's chunks in a folder next to them. This is
 * the first file of the program that runs.
 *
 * V8 trusts compiled code. So the folder belongs to this user, and nobody else may enter it. Users who can replace
 * it can replace the program itself. Nothing is kept for a program that belongs to another user, who could then not
 * delete the folder.
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
 * Long-running commands. Each has its own compiled form, which contains the functions that the command has
 * run.
 */
const LASTING = ['run', 'up', 'hub']
/** Delay until the form is saved, in milliseconds: by then a daemon has run the functions that a start needs. */
const SAVE_AFTER_MS = 5000

const isOwn = (path: string) => lstatSync(path).uid === process.geteuid?.()

function keepCompiled() {
  const [, , first = 'run'] = process.argv
  const command = first.startsWith('-') ? 'run' : first
  const kind = LASTING.includes(command) ? command : 'short'
  // An update runs this command before the program is in its place.
  if (command === 'self-check' || enableCompileCache === undefined || !isOwn(__dirname)) return
  const dir = join(__dirname, COMPILE_CACHE)
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch {
    // The folder exists already, or the check below fails.
  }
  if (isOwn(dir) && lstatSync(dir).isDirectory() && (lstatSync(dir).mode & 0o077) === 0)
    enableCompileCache(join(dir, kind))
  if (kind !== 'short') setTimeout(() => flushCompileCache?.(), SAVE_AFTER_MS).unref()
}

try {
  keepCompiled()
} catch {
  // The program starts more slowly.
}
