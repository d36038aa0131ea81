import { existsSync } from 'node:fs'
import { homeOf } from '../config/home.ts'
import { groupOf, unitOf } from './cgroup.ts'
import { serviceFiles } from './plan.ts'

/** Returns the environment file that systemd reads for the unit of this process; undefined if there is none. */
export function environmentFile(env: NodeJS.ProcessEnv): string | undefined {
  const place = unitOf(groupOf('self'))
  if (!place) return undefined
  const manager = place.scope === 'system' ? 'systemd' : 'systemd-user'
  const path = serviceFiles(manager, place.name, homeOf(env)).environment
  return existsSync(path) ? path : undefined
}
