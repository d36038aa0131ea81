import { matches } from './names.ts'
import type { Policy } from './schema.ts'

/** Variables without which programs do not run, or not as their user. */
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
