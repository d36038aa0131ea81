import { join } from 'node:path'
import type { DaemonConfig } from '../config/daemon-config.ts'
import { homeOf } from '../config/home.ts'
import type { StatePaths } from '../config/paths.ts'

/** Returns the files and folders with the daemon's key, its sockets, its settings, and the journals of its agents. */
export const secretPlaces = ({ key_file }: DaemonConfig, { dir }: StatePaths): string[] => [
  dir,
  join(homeOf(process.env), '.fomular'),
  '/etc/fomular-daemon',
  ...(key_file === undefined ? [] : [key_file]),
]
