import { groupOf, unitOf } from '../../service/cgroup.ts'
import { SUPERVISED } from '../../service/plan.ts'
import { properties } from '../../service/systemd.ts'

/**
 * Reports whether a process is the main process of a systemd unit that does not restart it, such as
 * the units that `systemd-run` creates. Such a unit ends with its main process, together with all processes
 * that it started.
 */
export async function endsUnit(env: NodeJS.ProcessEnv, pid: number = process.pid): Promise<boolean> {
  // A unit that waits for a notification (NOTIFY_SOCKET) was written for the daemon itself.
  if (env.SYSTEMD_EXEC_PID !== String(pid) || env[SUPERVISED] === '1' || env.NOTIFY_SOCKET) return false
  const unit = unitOf(groupOf(pid))
  return unit !== undefined && (await properties(unit.scope, unit.name)).Restart === 'no'
}
