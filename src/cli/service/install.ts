import { Command } from 'commander'
import type { ManagerName } from '../../service/plan.ts'
import { withDaemonFlags } from '../daemon-flags.ts'
import { note, print, printJson, stdoutColors } from '../terminal.ts'
import { type ServiceOptions, withPlan } from './options.ts'

const HELP = `
The configuration is checked first. The key is copied to where only the service finds it; - reads it from standard
input. With a service that is installed already, what is new is changed, and the daemon restarted if need be, while
agents run on (with pm2 and launchd they are stopped for that).

Flags of the daemon, and the PATH of the user, become the service's. What agents need and others must not see, such as
an API key, belongs into the file "environment" beside the key (NAME=value, mode 0600).

Examples:
  $ sudo fomular-daemon service install --server-url wss://os.example.com --key-file key
  $ sudo fomular-daemon service install --user deploy --dry-run --server-url wss://os.example.com --key-file key
  $ fomular-daemon service install --manager systemd-user --server-url wss://os.example.com --key-file - < key`

export function installCommand(): Command {
  return withDaemonFlags(
    withPlan(
      new Command('install')
        .description('install the service, or bring it up to date')
        .addHelpText('after', HELP),
    ),
  )
    .option('--no-start', 'do not start it yet')
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print one JSON object')
    .action(install)
}

type Options = ServiceOptions & {
  user?: string
  path?: string
  start: boolean
  dryRun?: boolean
} & Record<string, string | boolean>

async function install({ manager: named, name, user, path, start, dryRun, json, ...flags }: Options) {
  const [
    { makePlan },
    { managerNamed, usualManager },
    { describe, perform },
    { checkFree, isOutdated, renew },
    { planChange },
    { readInstalled },
  ] = await Promise.all([
    import('./plan.ts'),
    import('../../service/managers.ts'),
    import('../../service/steps.ts'),
    import('./bring-up.ts'),
    import('./change.ts'),
    import('../../service/mark.ts'),
  ])
  const manager = managerNamed(named ?? (usualManager() as ManagerName))
  const { plan, key, warnings } = await makePlan({
    manager: manager.name,
    name,
    ...(user !== undefined && { user }),
    ...(path !== undefined && { path }),
    flags,
    keyNeeded: true,
  })
  const at = { name, home: plan.account.home }
  const before = await manager.status(at)
  checkFree(plan.stateDir, before)
  const { path: file, text } = await manager.file(plan)
  // Pm2 and launchd read an entry once: for a new one, they end what runs.
  const renews = (manager.name === 'pm2' || manager.name === 'launchd') && readInstalled(file)?.text !== text
  const change = await planChange({ plan, manager, before, renews: renews && start })
  const steps = [...change.steps, ...(await manager.install(plan, { start, key }))]
  if (dryRun) {
    const described = [...change.notes.map((said) => `say: ${said}`), ...steps.map(describe)]
    return json ? printJson({ steps: described }) : print(described.join('\n'))
  }

  // At once: what comes next may fail because of it.
  const warn = (warning: string) => {
    warnings.push(warning)
    if (!json) note(warning)
  }
  for (const warning of [...warnings.splice(0), ...change.notes]) warn(warning)
  if (plan.account.uid === 0)
    warn(
      `Agents will run as root. Better: an ordinary user${manager.name === 'systemd' ? ', with --user NAME' : ''}.`,
    )
  const done: string[] = []
  let changed = false
  for (const step of steps) {
    const outcome = await perform(step)
    if (step.do === 'write') changed ||= outcome.changed
    if (outcome.changed) done.push(outcome.text)
    if (outcome.warning) warn(outcome.warning)
  }
  let status = await manager.status(at)
  const ranOn = before.running && status.pid === before.pid ? before.state_dir : undefined
  // What runs still, runs as it was installed before; or it is of another version than this one.
  if (start && !change.stops && ranOn !== undefined && (changed || (await isOutdated(ranOn))))
    status = await renew(manager, at, ranOn)
  if (json) return printJson({ ...status, done, warnings })
  for (const text of done) print(text)
  const { serviceText } = await import('../render/service.ts')
  print(serviceText(status, stdoutColors()))
}
