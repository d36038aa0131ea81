import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { print, printJson } from '../terminal.ts'

const HELP = `
Its agents' histories at the hub are deleted, and a key of its own is no longer accepted. What is on the machine stays.

Examples:
  $ fomular-daemon machine remove build-7
  $ fomular-daemon machine remove build-7 --force       also while it is connected: to lock it out`

export function removeCommand(): Command {
  return withHub(
    new Command('remove')
      .alias('rm')
      .description('forget a machine, and take its key back')
      .argument('<machine>', 'its name, host name, id, or the beginning of its id')
      .option('--force', 'although it is connected')
      .addHelpText('after', HELP)
      .action(remove),
  )
}

async function remove(given: string, { json, force = false, ...flags }: HubOptions & { force?: boolean }) {
  const client = await connectHub(flags)
  const { describedMachine, resolveMachine } = await import('../client/machine-id.ts')
  const machine = await resolveMachine(client, given)
  const { machine_id } = machine
  const revoked_keys = await client.removeMachine(machine_id, { force })
  if (json) return printJson({ machine_id, revoked_keys })
  print(
    revoked_keys > 0
      ? `${describedMachine(machine)} is removed, and its key is no longer accepted.`
      : `${describedMachine(machine)} is removed. It had no key of its own: one with the hub's machine.key can come back.`,
  )
}
