import { existsSync } from 'node:fs'
import type { DaemonFlags } from '../../config/sources.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { filesIn, type HandUnit, handwrittenUnits, readText } from '../../service/handwritten-units.ts'
import { MANAGERS, type ManagerName, type ServicePlan, serviceFiles } from '../../service/plan.ts'
import { entries } from '../../service/pm2.ts'
import { isOurs } from '../../service/unit-checks.ts'
import { readInstalled } from '../../service/unit-mark.ts'
import { askYes } from '../confirm-yes.ts'
import { serviceLine } from '../local/describe.ts'
import { isInteractive, note } from '../terminal.ts'
import { takeOverEntry } from './take-over-entry.ts'
import { takeOverUnit } from './take-over-unit.ts'
import type { TakenOver } from './taken-over.ts'

interface Asked {
  manager: ManagerName
  name: string
  /** True if the name was given explicitly. */
  named: boolean
  takeOver: boolean
  dryRun: boolean
  json: boolean
  home: string
  /** Flags for the daemon. */
  given: DaemonFlags
}

/** A hand-written service that runs this program under the same manager. */
interface ByHand {
  name: string
  /** Description for messages. */
  what: string
  take(): Promise<TakenOver>
}

/**
 * Finds a hand-written service that the new service replaces if the user agrees.
 * @returns its name, which the new service keeps
 * @throws UserError if the user has not agreed
 */
export async function besides(asked: Asked): Promise<{ name: string; taken?: TakenOver; notes: string[] }> {
  const found = await byHand(asked)
  const other = asked.named || isInstalled(asked) ? undefined : onlyOne(found)
  const meant = found.find(({ name }) => name === asked.name) ?? other
  const notes = found
    .filter((each) => each !== meant)
    .map(({ what }) => `${what} also runs this program, and stays unchanged.`)
  if (!meant) return { name: asked.name, notes }
  if (!asked.takeOver) await ask(meant, asked, notes)
  return { name: meant.name, taken: await meant.take(), notes }
}

const onlyOne = (found: ByHand[]) => (found.length === 1 ? found[0] : undefined)

const isInstalled = ({ manager, name, home }: Asked) =>
  readInstalled(serviceFiles(manager, name, home).unit)?.mark !== undefined

async function ask({ what, name }: ByHand, { dryRun, json }: Asked, notes: string[]) {
  const said = `${what} already runs this program, and was written by hand.`
  if (dryRun) {
    notes.push(`${said} This command takes it over only with --take-over, or if you agree.`)
    return
  }
  if (!json && isInteractive()) {
    note(said)
    if (await askYes('Take it over? Its server, key, user and state folder stay the same.')) return
  }
  throw new UserError('by_hand', said, {
    remedy: `To take it over, add --take-over; with --dry-run, the command shows the steps. To install a second service, add --name NAME, with a name other than ${name}`,
    exitCode: EXIT.refused,
  })
}

async function byHand({ manager, home, given }: Asked): Promise<ByHand[]> {
  if (manager === 'pm2')
    return (await entries())
      .filter(({ name, pm2_env }) => isOurs(pm2_env.pm_exec_path ?? '') && !ownsEntry(name, home))
      .map((entry) => ({
        name: entry.name,
        what: `The pm2 entry ${entry.name}`,
        take: () => takeOverEntry(entry, given),
      }))
  if (manager === 'launchd') return []
  const scope = manager === 'systemd' ? 'system' : 'user'
  return handwrittenUnits(scope).map((unit: HandUnit) => ({
    name: unit.name,
    what: `The unit ${unit.name} (${unit.path})`,
    take: () => takeOverUnit(scope, unit, given),
  }))
}

const ownsEntry = (name: string, home: string) =>
  /^[\w.-]+$/.test(name) && existsSync(serviceFiles('pm2', name, home).unit)

/**
 * Refuses to install a service that another manager already runs for the same user: there would be two
 * daemons.
 * @throws UserError
 */
export function checkOtherManagers(manager: ManagerName, { name, account }: ServicePlan) {
  for (const other of MANAGERS) {
    if (other === manager) continue
    const installed = readInstalled(serviceFiles(other, name, account.home).unit)
    if (installed?.mark?.user !== account.name) continue
    throw new UserError('installed_elsewhere', `${name} is installed with ${other}, as ${account.name}.`, {
      remedy: `First remove that service, which ends its agents gracefully: ${serviceLine('uninstall', { manager: other, name }, account.name)}. To keep both services, add --name NAME`,
      exitCode: EXIT.refused,
    })
  }
}

/**
 * Returns a warning for each file that starts this program at boot, because this program must not change such
 * files.
 */
export function startedElsewhere(): string[] {
  const files = [
    '/etc/rc.local',
    '/etc/crontab',
    ...filesIn('/etc/cron.d', ''),
    ...filesIn('/var/spool/cron/crontabs', ''),
  ]
  const lines = (path: string) => (readText(path) ?? '').split('\n').filter((line) => !/^\s*#/.test(line))
  return files
    .filter((path) => lines(path).some((line) => isOurs(line)))
    .map(
      (path) =>
        `${path} also starts this program: remove the line that starts it, or two daemons will conflict.`,
    )
}
