import { basename, relative } from 'node:path'
import { EXECUTABLE } from '../platform/executable.ts'
import { shellWord } from '../platform/shell-word.ts'

/**
 * How to type this program's name in a shell in the folder it runs in: as it is on PATH, as the executable it was called by, or,
 * from a clone or an unpacked archive, as a file for Node.
 * @param argv `process.argv`
 */
export function invokedAs([, script = ''] = process.argv, cwd = process.cwd()): string {
  if (/^fomular-daemon(\.\w+)?$/.test(basename(script)) || script === '') return 'fomular-daemon'
  if (EXECUTABLE) return shellWord(script)
  const path = relative(cwd, script)
  return `node ${shellWord(path.startsWith('..') ? script : path)}`
}
