import { basename, relative } from 'node:path'
import { EXECUTABLE } from '../platform/executable.ts'
import { shellWord } from '../platform/shell-word.ts'

/**
 * Returns the words that run this program in a shell in `cwd`: its name on PATH, or the path of its
 * executable. In a clone or an unpacked archive, returns `node` with the path of the script.
 * @param argv `process.argv`
 */
export function invokedAs([, script = ''] = process.argv, cwd = process.cwd()): string {
  if (/^fomular-daemon(\.\w+)?$/.test(basename(script)) || script === '') return 'fomular-daemon'
  if (EXECUTABLE) return shellWord(script)
  const path = relative(cwd, script)
  return `node ${shellWord(path.startsWith('..') ? script : path)}`
}
