import { join } from 'node:path'
import type { DaemonConfig } from '../config/daemon-config.ts'
import { homeOf } from '../config/home.ts'
import type { StatePaths } from '../config/paths.ts'
import type { Policy } from '../policy/schema.ts'

/**
 * Returns the files and folders with the daemon's key, the headers for traces, its sockets, its settings, its policy,
 * and the journals of its agents.
 */
export function secretPlaces(
  { key_file, config_file, policy, traces }: DaemonConfig,
  { dir }: StatePaths,
  { gate }: Policy,
): string[] {
  const files = [key_file, config_file, policy, gate?.program, traces?.headers_file]
  return [dir, join(homeOf(process.env), '.fomular'), '/etc/fomular-daemon', ...files].flatMap(
    (path) => path ?? [],
  )
}
