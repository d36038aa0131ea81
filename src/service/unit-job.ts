import { groupOf, unitOf } from './cgroup.ts'
import { systemctl } from './systemctl.ts'
import { endsWith } from './unit-fate.ts'

/**
 * Maximum wait for an answer from systemd, in ms. The wait delays the daemon's stop, but a short limit would
 * be worse: `systemctl` takes seconds on a busy machine, and without its answer, a restart of the unit counts
 * as a stop, after which no agent is resumed.
 */
const ANSWER_MS = 10_000

/**
 * Reports whether systemd is restarting the unit of the daemon `pid`, for example because of `systemctl
 * restart`. Returns false if systemd only stops the unit. Never throws.
 */
export async function isUnitRestarting(pid: number, env: NodeJS.ProcessEnv): Promise<boolean> {
  const place = unitOf(groupOf(pid))
  if (!place) return false
  const unit = `${place.name}.service`
  const [main, jobs] = await Promise.all([
    systemctl(place, env, ['show', '--property=MainPID', '--value', unit], ANSWER_MS),
    systemctl(place, env, ['list-jobs', '--no-legend', '--plain', unit], ANSWER_MS),
  ])
  if (main === undefined || !endsWith(Number(main), pid)) return false
  return (jobs ?? '').split('\n').some((line) => {
    const [, name, job] = line.trim().split(/\s+/)
    return name === unit && job === 'restart'
  })
}
