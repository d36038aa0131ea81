import { matches } from './names.ts'
import type { Policy } from './schema.ts'

/** Variables that programs need to run, or to find their user's files. */
const ALWAYS = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LC_*',
  'TZ',
  'TERM',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
]

/** Reports whether agents inherit a variable of the daemon's environment. */
export const isInherited = ({ environment }: Policy, name: string) =>
  [...ALWAYS, ...environment.inherit].some((pattern) => matches(name, pattern))
