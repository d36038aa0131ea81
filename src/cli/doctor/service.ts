import { existsSync } from 'node:fs'
import { homeOf } from '../../config/home.ts'
import { faultsOf } from '../../platform/ownership.ts'
import { findAccount } from '../../service/accounts.ts'
import { type Found, inspectServices } from '../../service/inspect.ts'
import { serviceFiles } from '../../service/plan.ts'
import { readInstalled } from '../../service/unit-mark.ts'
import type { Finding } from '../render/finding.ts'

/**
 * Checks the service of the daemon, and whether agents survive its restarts.
 * @param pid process id of the running daemon
 * @param agentUser user that agents run as, according to the policy
 */
export async function checkService(
  pid: number | undefined,
  agentUser: string | undefined,
): Promise<Finding[]> {
  const found = await inspectServices(pid, agentUser)
  if (found.length === 0)
    return [{ check: 'service', level: 'ok', message: 'No service runs the daemon: it is started by hand' }]
  const findings = await Promise.all(found.map(async (each) => [...judge(each), ...(await variables(each))]))
  return findings.flat()
}

const judge = ({ manager, name, runs, troubles }: Found): Finding[] =>
  troubles.length === 0
    ? [
        {
          check: 'service',
          level: 'ok',
          message: `The service ${name} of ${manager} ${runs === 'hub' ? 'is set up correctly' : 'keeps agents alive'}`,
        },
      ]
    : troubles.map((trouble) => ({ check: 'service', ...trouble }))

/** Reports faults that let other users change the variables that systemd passes to a service. */
async function variables({ manager, name }: Found): Promise<Finding[]> {
  const { environment, unit } = serviceFiles(manager, name, homeOf(process.env))
  if (!manager.startsWith('systemd') || !existsSync(environment)) return []
  const user = readInstalled(unit)?.mark?.user
  const account = user === undefined ? undefined : await findAccount(user)
  return faultsOf(environment, account?.uid).map(({ kind, message, remedy }) => ({
    check: 'modes',
    level: kind === 'owner' ? 'error' : 'warning',
    message: `${message}.`,
    remedy: `Run ${remedy}`,
  }))
}
