import { Command } from 'commander'
import { sleep } from '../../platform/clock.ts'
import type { Outcome } from '../../protocol/index.ts'
import { connectSigning, type HubOptions, withHub, withSigning } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { note, print, printJson } from '../terminal.ts'

const POLL_MS = 200

const HELP = `
The machine fetches the version from its own registry, tests it, and switches to it. If the new version does
not connect to this hub, the machine returns to the previous version. A machine that is not connected is
updated when it reconnects. Ctrl-C ends only the wait, not the update.

Examples:
  $ fomular-daemon machine update
  $ fomular-daemon machine update build-host --to 1.4.2 --allow-downgrade`

interface Options extends HubOptions {
  to: string
  allowDowngrade?: boolean
}

export function updateCommand(): Command {
  return withSigning(
    withHub(
      new Command('update')
        .description("update a machine's daemon in place while its agents keep running")
        .argument('[machine]', 'name, host name, id, or prefix of an id (default: the only machine)')
        .option('--to <version>', 'version to install: an exact version or a dist-tag', 'latest')
        .option('--allow-downgrade', 'also allow an older version')
        .addHelpText('after', HELP)
        .action(update),
    ),
  )
}

async function update(given: string | undefined, { to, allowDowngrade = false, json, ...flags }: Options) {
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
