import { Command, Option } from 'commander'
import { sleep } from '../../platform/clock.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Outcome } from '../../protocol/index.ts'
import { connectSigning, type HubOptions, withHub, withSigning } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { note, print, printJson } from '../terminal.ts'
import { count, duration } from './amounts.ts'

const POLL_MS = 200

const HELP = `
The machine fetches the version from its own registry, tests it, and switches to it. If the new version does
not connect to this hub, the machine returns to the previous version. A machine that is not connected is
updated when it reconnects. Ctrl-C ends only the wait, not the update.

Examples:
  $ fomular-daemon machine update
  $ fomular-daemon machine update build-host --to 1.4.2 --allow-downgrade
  $ fomular-daemon machine update --group canary --group office --to 1.4.2 --max-unavailable 2 --soak 30m

With --group, the hub updates the machines of these groups one group after the other. It halts when machines
fail, and continues without this command. See fomular-daemon machine rollout --help.`

interface Options extends HubOptions {
  to: string
  allowDowngrade?: boolean
  group?: string[]
  maxUnavailable?: number
  soak?: number
  haltOn?: number
  offlineAfter?: number
}

export function updateCommand(): Command {
  return withSigning(
    withHub(
      new Command('update')
        .description("update a machine's daemon in place while its agents keep running")
        .argument('[machine]', 'name, host name, id, or prefix of an id (default: the only machine)')
        .option('--to <version>', 'version to install: an exact version or a dist-tag', 'latest')
        .option('--allow-downgrade', 'also allow an older version')
        .addOption(
          new Option(
            '--group <name>',
            'update the machines of a group; repeat it for further groups, in order',
          ).argParser((name: string, before: string[] = []) => [...before, name]),
        )
        .addOption(
          new Option(
            '--max-unavailable <n>',
            'with --group: machines that may be down at once (default: 1)',
          ).argParser(count('--max-unavailable')),
        )
        .addOption(
          new Option(
            '--soak <time>',
            'with --group: time to watch a group before the next (default: 30m)',
          ).argParser(duration('--soak')),
        )
        .addOption(
          new Option(
            '--halt-on <n>',
            'with --group: number of failed machines that halts it (default: 1)',
          ).argParser(count('--halt-on')),
        )
        .addOption(
          new Option(
            '--offline-after <time>',
            'with --group: an updated machine that is offline for this time has failed, such as 30m (default: 5m)',
          ).argParser(duration('--offline-after')),
        )
        .addHelpText('after', HELP)
        .action(update),
    ),
  )
}

async function update(given: string | undefined, options: Options) {
  const {
    to,
    allowDowngrade = false,
    json,
    group,
    maxUnavailable,
    soak,
    haltOn,
    offlineAfter,
    ...flags
  } = options
  const staged = {
    ...(maxUnavailable !== undefined && { max_unavailable: maxUnavailable }),
    ...(soak !== undefined && { soak_s: soak }),
    ...(haltOn !== undefined && { halt_on: haltOn }),
    ...(offlineAfter !== undefined && { offline_s: offlineAfter }),
  }
  if (group) {
    if (given !== undefined) throw unclear('A machine and --group cannot be combined.')
    const { beginRollout } = await import('./begin-rollout.ts')
    const wanted = { version: to, groups: group, allow_downgrade: allowDowngrade, ...staged }
    return beginRollout({ ...flags, ...(json && { json }) }, wanted)
  }
  if (Object.keys(staged).length > 0) throw unclear('This option needs --group.')
  const [{ StageLines }, { resolveMachine }] = await Promise.all([
    import('../update/stages.ts'),
    import('../client/machine-id.ts'),
  ])
  if (process.env.FOMULAR_UPDATE_REGISTRY)
    note('FOMULAR_UPDATE_REGISTRY has no effect here: a machine uses the registry configured on it.')
  const client = await connectSigning(flags)
  const machine = await resolveMachine(client, given)
  const { machine_id: id } = machine
  const { checkPolicy } = await import('../client/check-policy.ts')
  await checkPolicy(machine, { type: 'daemon:update' }, client.signs)
  const lines = new StageLines({ quiet: json === true })
  try {
    let outcome = await client.machineCommand(
      id,
      'update',
      { version: to, allow_downgrade: allowDowngrade },
      0,
    )
    while (outcome.state === 'pending') {
      const machine = await client.machine(id)
      const { stage = machine?.connected ? 'order' : 'wait', message } = outcome.progress ?? {}
      lines.begin(stage, message ?? (machine?.connected ? '' : 'for the machine to connect'))
      await sleep(POLL_MS)
      outcome = await client.outcome(outcome.command_id, 0)
    }
    lines.end()
    if (json) return printJson(outcome)
    print(said(outcome))
    const end = (await client.machine(id))?.status.problems.find(
      ({ code }) => code === 'agents_end_with_daemon',
    )
    if (end && outcome.result?.from_version !== outcome.result?.to_version) note(cleanLine(end.message, 500))
  } finally {
    lines.end()
  }
}

function said({ result = {} }: Outcome): string {
  const { path, mode, duration_ms } = result
  const [from, to] = [result.from_version, result.to_version].map((version) => cleanLine(String(version), 64))
  if (from === to) return `Version ${from} is already running on the machine.`
  const where = mode === 'user-prefix' ? `, at ${cleanLine(String(path), 300)}` : ''
  return `Updated from ${from} to ${to}${where}, in ${(Number(duration_ms) / 1000).toFixed(1)} s.`
}

const unclear = (message: string) =>
  new UserError('usage', message, {
    remedy: 'See `fomular-daemon machine update --help`.',
    exitCode: EXIT.usage,
  })
