import { groupOf, unitOf } from '../../service/cgroup.ts'
import { SUPERVISED } from '../../service/plan.ts'
import { properties } from '../../service/systemd.ts'

/**
 * Whether this process is the main one of a unit of systemd that does not start it again, as `systemd-run` makes them: the
 * unit ends with it, and so does everything that it has started.
 */
export async function endsUnit(env: NodeJS.ProcessEnv, pid: number = process.pid): Promise<boolean> {
  // A unit that waits to be told that its main process has started is written for the daemon itself.
  if (env.SYSTEMD_EXEC_PID !== String(pid) || env[SUPERVISED] === '1' || env.NOTIFY_SOCKET) return false
  const unit = unitOf(groupOf(pid))
  return unit !== undefined && (await properties(unit.scope, unit.name)).Restart === 'no'
}
