import { Command } from 'commander'
import type { Runs } from '../../service/plan.ts'
import { withHubServeFlags, withStoreFlags } from '../hub/index.ts'
import { withDaemonFlags } from '../start/daemon-flags.ts'
import { note, print, printJson, stdoutColors } from '../terminal.ts'
import { type ServiceOptions, withPlan } from './options.ts'
import type { PlanFlags } from './plan.ts'
import type { Prepared } from './prepare.ts'

const HELP = `
The command checks the configuration first. It copies the key to a file that only the service can read. With
\`--key-file -\`, it reads the key from standard input. If the service is already installed, the command
applies the changes. If necessary, it restarts the daemon while agents keep running. With pm2 and launchd,
this restart stops the agents.

An installed service keeps its user and state folder unless you name a different user or folder. The service's
agents cannot continue after such a change: the command lists them and ends them gracefully first.

With --take-over, or if you agree on the terminal, the command replaces a hand-written unit or pm2 entry that
runs this program. The server, key, user, state folder, and variables stay the same. The command keeps the old
files next to the new files.

The service gets the daemon's flags and the user's PATH. Put secrets that agents need, such as an API key,
into the file "environment" next to the key (NAME=value, mode 0600).

A hub is a separate service, fomular-hub. A service for 'up' runs the hub and the daemon in one process, and
agents survive restarts of this process.

Examples:
  $ sudo fomular-daemon service install --server-url wss://os.example.com --key-file key
  $ sudo fomular-daemon service install --user deploy --dry-run --server-url wss://os.example.com --key-file key
  $ sudo fomular-daemon service install --take-over --dry-run
  $ sudo fomular-daemon service install hub --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
  $ sudo fomular-daemon service install hub --store 'postgres:///fomular?host=/run/postgresql&user=fomular-hub'
  $ sudo fomular-daemon service install up --user deploy
  $ fomular-daemon service install --manager systemd-user --server-url wss://os.example.com --key-file - < key`

export function installCommand(): Command {
  return withStoreFlags(
    withHubServeFlags(
      withDaemonFlags(
        withPlan(
          new Command('install').description('install or update the service').addHelpText('after', HELP),
        ),
      ),
    ),
  )
    .option('--verbose', 'for a hub: log debug messages')
    .option('--take-over', 'replace a hand-written unit or pm2 entry')
    .option('--no-start', 'do not start the service')
    .option('--dry-run', 'only print the steps')
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
          `Agents will run as root. Use an ordinary user instead${manager.name === 'systemd' ? ', with --user NAME' : ''}.`,
        ]
      : []
  if (dryRun) {
    const said = [...prepared.warnings, ...notes, ...asRoot].map((text) => `say: ${text}`)
    const described = [...said, ...steps.map(describe), ...(await foreseen(prepared, start))]
    return json ? printJson({ steps: described }) : print(described.join('\n'))
  }

  // Print warnings at once: a later step may fail for the same reason.
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
  if (!prepared.hasPolicy) print(policyHint())
}

const restarted = (runs: Runs) =>
  runs === 'hub' ? 'restart the hub' : 'restart the daemon; its agents keep running'

/** Returns the actions that would follow the steps. */
async function foreseen({ plan, before, steps, stops, renews }: Prepared, start: boolean): Promise<string[]> {
  if (!start || stops || renews || !before.running || before.state_dir === undefined) return []
  const [{ isSame }, { isOutdated }] = await Promise.all([
    import('../../service/steps.ts'),
    import('./bring-up.ts'),
  ])
  const changes = steps.some((step) => step.do === 'write' && !isSame(step))
  return changes || (await isOutdated(before.state_dir)) ? [restarted(plan.runs)] : []
}

const sudo = () => (process.getuid?.() === 0 ? 'sudo ' : '')

const hubHint = () => `To add a machine: ${sudo()}fomular-daemon machine add --name NAME`

const policyHint = () =>
  `To limit what the server may do on this machine: ${sudo()}fomular-daemon policy init`

async function carryOut(
  { plan, manager, before, steps, stops }: Prepared,
  start: boolean,
  warn: (warning: string) => void,
) {
  const [{ perform }, { isOutdated, restartDaemonOf, stopAndStart }] = await Promise.all([
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
  // A process that survived the steps still has the old settings, or may be of an older version.
  const renews = start && ranOn !== undefined && (changed || (await isOutdated(ranOn)))
  if (!renews) return { done, status }
  done.push(restarted(plan.runs))
  return {
    done,
    status: await (plan.runs === 'hub' ? stopAndStart(manager, at) : restartDaemonOf(manager, at, ranOn)),
  }
}
