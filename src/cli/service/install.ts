import { Command } from 'commander'
import type { Runs } from '../../service/plan.ts'
import { withDaemonFlags } from '../daemon-flags.ts'
import { withHubServeFlags } from '../hub.ts'
import { note, print, printJson, stdoutColors } from '../terminal.ts'
import { type ServiceOptions, withPlan } from './options.ts'
import type { PlanFlags } from './planned.ts'
import type { Prepared } from './prepare.ts'

const HELP = `
The configuration is checked first. The key is copied to where only the service finds it; - reads it from standard
input. With a service that is installed already, what is new is changed, and the daemon restarted if need be, while
agents run on (with pm2 and launchd they are stopped for that).

What is not said anew stays as it is installed: user and state folder. A service that becomes another user's, or gets
another state folder, cannot take its agents along: it says which, and ends them gracefully first.

A unit or a pm2 entry that was written by hand and runs this program is taken over with --take-over, or when you say yes
on the terminal: server, key, user, state folder and variables stay, and what was there is kept beside it.

Flags of the daemon, and the PATH of the user, become the service's. What agents need and others must not see, such as
an API key, belongs into the file "environment" beside the key (NAME=value, mode 0600).

A hub is a service of its own, fomular-hub; 'up' is hub and daemon in one process, whose agents live through its restarts.

Examples:
  $ sudo fomular-daemon service install --server-url wss://os.example.com --key-file key
  $ sudo fomular-daemon service install --user deploy --dry-run --server-url wss://os.example.com --key-file key
  $ sudo fomular-daemon service install --take-over --dry-run
  $ sudo fomular-daemon service install hub --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
  $ sudo fomular-daemon service install up --user deploy
  $ fomular-daemon service install --manager systemd-user --server-url wss://os.example.com --key-file - < key`

export function installCommand(): Command {
  return withHubServeFlags(
    withDaemonFlags(
      withPlan(
        new Command('install')
          .description('install the service, or bring it up to date')
          .addHelpText('after', HELP),
      ),
    ),
  )
    .option('--verbose', 'of a hub: log more')
    .option('--take-over', 'take the place of a unit or pm2 entry that was written by hand')
    .option('--no-start', 'do not start it yet')
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print one JSON object')
    .action(install)
}

type Options = ServiceOptions & { start: boolean; takeOver?: boolean; dryRun?: boolean } & PlanFlags

async function install(runs: Runs, options: Options) {
  const { start, dryRun = false, json = false } = options
  const [{ prepare }, { describe }] = await Promise.all([
    import('./prepare.ts'),
    import('../../service/steps.ts'),
  ])
  const prepared = await prepare(runs, options)
  const { plan, manager, steps, notes } = prepared
  const asRoot =
    plan.account.uid === 0 && runs !== 'hub'
      ? [
          `Agents will run as root. Better: an ordinary user${manager.name === 'systemd' ? ', with --user NAME' : ''}.`,
        ]
      : []
  if (dryRun) {
    const said = [...prepared.warnings, ...notes, ...asRoot].map((text) => `say: ${text}`)
    const described = [...said, ...steps.map(describe), ...(await foreseen(prepared, start))]
    return json ? printJson({ steps: described }) : print(described.join('\n'))
  }

  // At once: what comes next may fail because of it.
  const warnings: string[] = []
  const warn = (warning: string) => {
    warnings.push(warning)
    if (!json) note(warning)
  }
  for (const warning of [...prepared.warnings, ...notes, ...asRoot]) warn(warning)
  const { done, status } = await carryOut(prepared, start, warn)
  if (json) return printJson({ ...status, done, warnings })
  for (const text of done) print(text)
  const { serviceText } = await import('../render/service.ts')
  print(serviceText(status, stdoutColors()))
  if (runs !== 'daemon') print(hubHint())
}

const restarted = (runs: Runs) =>
  runs === 'hub' ? 'restart the hub' : 'restart the daemon; its agents run on'

/** What comes after the steps, before anything is done. */
async function foreseen({ plan, before, steps, stops, renews }: Prepared, start: boolean): Promise<string[]> {
  if (!start || stops || renews || !before.running || before.state_dir === undefined) return []
  const [{ isSame }, { isOutdated }] = await Promise.all([
    import('../../service/steps.ts'),
    import('./bring-up.ts'),
  ])
  const changes = steps.some((step) => step.do === 'write' && !isSame(step))
  return changes || (await isOutdated(before.state_dir)) ? [restarted(plan.runs)] : []
}

const hubHint = () =>
  `To add a machine: ${process.getuid?.() === 0 ? 'sudo ' : ''}fomular-daemon machine add --name NAME`

async function carryOut(
  { plan, manager, before, steps, stops }: Prepared,
  start: boolean,
  warn: (warning: string) => void,
) {
  const [{ perform }, { isOutdated, renew, startAnew }] = await Promise.all([
    import('../../service/steps.ts'),
    import('./bring-up.ts'),
  ])
  const done: string[] = []
  let changed = false
  for (const step of steps) {
    const outcome = await perform(step)
    if (step.do === 'write') changed ||= outcome.changed
    if (outcome.changed) done.push(outcome.text)
    if (outcome.warning) warn(outcome.warning)
  }
  const at = { name: plan.name, home: plan.account.home }
  const status = await manager.status(at)
  const ranOn = !stops && before.running && status.pid === before.pid ? before.state_dir : undefined
  // What runs still, runs as it was installed before; or it is of another version than this one.
  const renews = start && ranOn !== undefined && (changed || (await isOutdated(ranOn)))
  if (!renews) return { done, status }
  done.push(restarted(plan.runs))
  return { done, status: await (plan.runs === 'hub' ? startAnew(manager, at) : renew(manager, at, ranOn)) }
}
