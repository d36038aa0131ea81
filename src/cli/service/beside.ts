import { existsSync } from 'node:fs'
import type { DaemonFlags } from '../../config/config.ts'
import { UserError } from '../../platform/errors.ts'
import { filesIn, type HandUnit, readText, unitsByHand } from '../../service/by-hand.ts'
import { readInstalled } from '../../service/mark.ts'
import { MANAGERS, type ManagerName, type ServicePlan, serviceFiles } from '../../service/plan.ts'
import { entries } from '../../service/pm2.ts'
import { isOurs } from '../../service/troubles.ts'
import { EXIT } from '../exit-codes.ts'
import { serviceLine } from '../local/describe.ts'
import { askLine } from '../prompt.ts'
import { isInteractive, note } from '../terminal.ts'
import { type TakenOver, takeOverEntry, takeOverUnit } from './take-over.ts'

interface Asked {
  manager: ManagerName
  name: string
  /** Whether somebody has said which name. */
  named: boolean
  takeOver: boolean
  dryRun: boolean
  json: boolean
  home: string
  /** Flags of the daemon. */
  given: DaemonFlags
}

/** What others have set up for this program with the same manager. */
interface ByHand {
  name: string
  /** As people would call it. */
  what: string
  take(): Promise<TakenOver>
}

/**
 * The service of others whose place the new one takes, where there is one and somebody wants that.
 * @returns its name, which it keeps
 * @throws UserError where nobody said so
 */
export async function besides(asked: Asked): Promise<{ name: string; taken?: TakenOver; notes: string[] }> {
  const found = await byHand(asked)
  const other = asked.named || isInstalled(asked) ? undefined : onlyOne(found)
  const meant = found.find(({ name }) => name === asked.name) ?? other
  const notes = found
    .filter((each) => each !== meant)
    .map(({ what }) => `${what} runs this program, too, and is left as it is.`)
  if (!meant) return { name: asked.name, notes }
  if (!asked.takeOver) await ask(meant, asked, notes)
  return { name: meant.name, taken: await meant.take(), notes }
}

const onlyOne = (found: ByHand[]) => (found.length === 1 ? found[0] : undefined)

const isInstalled = ({ manager, name, home }: Asked) =>
  readInstalled(serviceFiles(manager, name, home).unit)?.mark !== undefined

async function ask({ what, name }: ByHand, { dryRun, json }: Asked, notes: string[]) {
  const said = `${what} runs this program already, and was written by hand.`
  if (dryRun) {
    notes.push(`${said} It is taken over only with --take-over, or when you say yes.`)
    return
  }
  if (!json && isInteractive()) {
    note(said)
    const answer = await askLine('Take it over? Its server, key, user and state folder stay. [y/N] ')
    if (/^y(es)?$/i.test(answer)) return
  }
  throw new UserError('by_hand', said, {
    remedy: `Have it taken over with --take-over; --dry-run shows what that does. To install another one beside it: --name NAME, other than ${name}`,
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
  return unitsByHand(scope).map((unit: HandUnit) => ({
    name: unit.name,
    what: `The unit ${unit.name} (${unit.path})`,
    take: () => takeOverUnit(scope, unit, given),
  }))
}

const ownsEntry = (name: string, home: string) =>
  /^[\w.-]+$/.test(name) && existsSync(serviceFiles('pm2', name, home).unit)

/** @throws UserError where another manager has a service of this name for the same user: two daemons would be one too many */
export function checkOtherManagers(manager: ManagerName, { name, account }: ServicePlan) {
  for (const other of MANAGERS) {
    if (other === manager) continue
    const installed = readInstalled(serviceFiles(other, name, account.home).unit)
    if (installed?.mark?.user !== account.name) continue
    throw new UserError('installed_elsewhere', `${name} is installed with ${other}, as ${account.name}.`, {
      remedy: `Remove that first, which ends its agents gracefully: ${serviceLine('uninstall', { manager: other, name }, account.name)}. To have both: --name NAME`,
      exitCode: EXIT.refused,
    })
  }
}

/** Files of others that start this program with the machine. They are not this program's to change. */
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
        `${path} starts this program, too: take that line out, or two daemons will be in each other's way.`,
    )
}
