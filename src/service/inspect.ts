import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { groupOf, unitOf } from './cgroup.ts'
import type { ManagerName, Runs } from './plan.ts'
import { entries } from './pm2.ts'
import { query } from './run.ts'
import { lingers, properties, type Scope, userEnvironment } from './systemd.ts'
import { isOurs, pm2Problems, type UnitProblem, unitProblems } from './unit-checks.ts'
import { runsOf } from './units.ts'

export interface Found {
  manager: ManagerName
  name: string
  runs: Runs
  troubles: UnitProblem[]
}

/**
 * Checks the services of this program that this user may see.
 * @param pid pid of the running daemon
 * @param agentUser user that agents run as, according to the policy
 */
export async function inspectServices(
  pid: number | undefined,
  agentUser: string | undefined,
): Promise<Found[]> {
  const units = await Promise.all(
    (['system', 'user'] as const).map((scope) => inspectUnits(scope, pid, agentUser)),
  )
  const pm2 = (await entries())
    .filter((entry) => isOurs(entry.pm2_env.pm_exec_path ?? ''))
    .map(
      (entry): Found => ({ manager: 'pm2', name: entry.name, runs: 'daemon', troubles: pm2Problems(entry) }),
    )
  return [...units.flat(), ...pm2]
}

async function inspectUnits(
  scope: Scope,
  pid: number | undefined,
  agentUser: string | undefined,
): Promise<Found[]> {
  if (!existsSync('/run/systemd/system')) return []
  const own = pid === undefined ? undefined : unitOf(groupOf(pid))
  const list = ['list-unit-files', '--type=service', '--no-legend', '--no-pager', 'fomular*']
  const { stdout } = await query(
    ['systemctl', ...(scope === 'user' ? ['--user'] : []), ...list],
    userEnvironment(),
  )
  const listed = stdout.split('\n').map((line) => line.split('.service')[0]!)
  const names = new Set([...listed, own?.scope === scope ? own.name : ''].filter(Boolean))
  const found: Found[] = []
  for (const name of names) {
    const shown = await properties(scope, name)
    if (!isOurs(shown.ExecStart ?? '')) continue
    const runs = runsOf(shown.ExecStart!)
    const manager = scope === 'system' ? 'systemd' : 'systemd-user'
    found.push({
      manager,
      name,
      runs,
      troubles: [...unitProblems(name, shown, scope, runs, { agentUser }), ...lingerTroubles(name, scope)],
    })
  }
  return found
}

function lingerTroubles(name: string, scope: Scope): UnitProblem[] {
  const { username } = userInfo()
  if (scope === 'system' || lingers(username)) return []
  return [
    {
      level: 'warning',
      message: `The unit ${name} and all its agents end when ${username} logs out.`,
      remedy: `sudo loginctl enable-linger ${username}`,
    },
  ]
}
