import { environmentOf, userOf } from '../platform/process-list.ts'
import { groupOf, type UnitPlace, unitOf } from './cgroup.ts'
import type { ManagerName } from './plan.ts'
import { entries } from './pm2.ts'
import { properties } from './systemd.ts'

/** The service that restarts a process when it ends. */
export interface Supervisor {
  manager: ManagerName
  name: string
}

/** Returns the supervisor of a process, as far as this user can see. */
export async function supervisorOf(pid: number): Promise<Supervisor | undefined> {
  const unit = unitOf(groupOf(pid))
  if (unit && (await isMain(pid, unit)))
    return { manager: unit.scope === 'system' ? 'systemd' : 'systemd-user', name: unit.name }
  if (process.platform === 'linux') return pm2Of(pid)
  const entry = (await entries()).find((each) => each.pid === pid)
  return entry && { manager: 'pm2', name: entry.name }
}

const isOther = (pid: number) => {
  const owner = userOf(pid)
  return owner !== undefined && owner !== process.getuid?.()
}

/**
 * Reports whether a process is the unit's main process. Agents, and programs that were started from a shell,
 * can also be in the unit. Does not ask another user's systemd.
 */
async function isMain(pid: number, { name, scope }: UnitPlace): Promise<boolean> {
  if (scope === 'system' || !isOther(pid)) return (await properties(scope, name)).MainPID === String(pid)
  return environmentOf(pid)?.('SYSTEMD_EXEC_PID') === String(pid)
}

/** Recognizes pm2 by the variables it sets for its children, since pm2 itself takes half a second to answer. */
function pm2Of(pid: number): Supervisor | undefined {
  const variable = environmentOf(pid)
  const name = variable?.('pm_id') === undefined ? undefined : variable('name')
  return name === undefined || variable?.('PM2_HOME') === undefined ? undefined : { manager: 'pm2', name }
}
