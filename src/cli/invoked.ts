import { basename, relative } from 'node:path'

/**
 * How to type this program's name in the folder it runs in: as it is on PATH, or, from a clone or an unpacked archive,
 * as a file for Node.
 * @param argv `process.argv`
 */
export function invokedAs([, script = ''] = process.argv, cwd = process.cwd()): string {
  if (/^fomular-daemon(\.\w+)?$/.test(basename(script)) || script === '') return 'fomular-daemon'
  const path = relative(cwd, script)
  return `node ${path.startsWith('..') ? script : path}`
}
