import { Command } from 'commander'
import { addCommand } from './machine/add.ts'
import { removeCommand } from './machine/remove.ts'
import { connectHub, type HubOptions, withHub } from './options.ts'
import { print, printJson, stdoutColors } from './terminal.ts'

/** Seconds: every agent program is started to ask for its version and login. */
const CHECK_WAIT_S = 60

const UPDATE_HELP = `
The machine fetches the version from its own registry, proves it, changes over, and goes back by itself if this hub does
not see the new one. A machine that is not connected is updated when it is back: Ctrl-C stops the waiting, not the update.

Examples:
  $ fomular-daemon machine update
  $ fomular-daemon machine update build-host --to 1.4.2 --allow-downgrade`

interface UpdateOptions extends HubOptions {
  to: string
  allowDowngrade?: boolean
}

export function machineCommand(): Command {
  const command = new Command('machine').description('the machines that have connected to the hub')
  command.addCommand(
    withHub(
      new Command('list')
        .alias('ls')
        .description('all machines, what runs on them and what is wrong with them')
        .addHelpText('after', '\nExample:\n  $ fomular-daemon machine list')
        .action(list),
    ),
  )
  command.addCommand(
    withHub(
      new Command('check')
        .description('have a machine look again for its agent programs, their versions and logins')
        .argument('[machine]', 'its id or host name (default: the only one)')
        .addHelpText('after', '\nExample, after logging in to Claude Code:\n  $ fomular-daemon machine check')
        .action(check),
    ),
  )
  command.addCommand(
    withHub(
      new Command('update')
        .description("update a machine's daemon in place, while its agents run on")
        .argument('[machine]', 'its id or host name (default: the only one)')
        .option('--to <version>', 'an exact version or a dist-tag', 'latest')
        .option('--allow-downgrade', 'also to an older version')
        .addHelpText('after', UPDATE_HELP)
        .action(update),
    ),
  )
  command.addCommand(addCommand())
  command.addCommand(removeCommand())
  return command
}

async function update(given: string | undefined, options: UpdateOptions) {
  const { updateMachine } = await import('./update/machine.ts')
  const client = await connectHub(options)
  await updateMachine(client, await resolveMachine(client, given), options)
}

async function list({ json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const machines = await client.machines()
  if (json) return printJson({ machines })
  const { machineTable } = await import('./render/machine.ts')
  print(machineTable(machines, Date.now(), stdoutColors()))
}

async function check(given: string | undefined, { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const { resolveMachine } = await import('./client/machine-id.ts')
  const id = await resolveMachine(client, given)
  const outcome = await client.machineCommand(id, 'check', {}, CHECK_WAIT_S)
  const machine = (await client.machines()).find(({ machine_id }) => machine_id === id)
  if (json) return printJson({ ...outcome, machine })
  if (outcome.state === 'pending') {
    const { notePending } = await import('./agent/outcome.ts')
    return notePending()
  }
  const { machineTable } = await import('./render/machine.ts')
  print(machineTable(machine ? [machine] : [], Date.now(), stdoutColors()))
}
