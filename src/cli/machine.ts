import { Command } from 'commander'
import { addCommand } from './machine/add.ts'
import { removeCommand } from './machine/remove.ts'
import { renameCommand } from './machine/rename.ts'
import { updateCommand } from './machine/update.ts'
import { connectHub, type HubOptions, withHub } from './options.ts'
import { print, printJson, stdoutColors, stdoutWidth } from './terminal.ts'

/** Seconds: every agent program is started to ask for its version and login. */
const CHECK_WAIT_S = 60

const HELP = `
Examples:
  $ fomular-daemon machine list
  $ fomular-daemon machine add --name build-7
  $ fomular-daemon machine update build-7`

export function machineCommand(): Command {
  const command = new Command('machine')
    .description('the machines that have connected to the hub')
    .addHelpText('after', HELP)
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
        .argument('[machine]', 'its name, host name, id, or the beginning of its id (default: the only one)')
        .addHelpText('after', '\nExample, after logging in to Claude Code:\n  $ fomular-daemon machine check')
        .action(check),
    ),
  )
  command.addCommand(addCommand())
  command.addCommand(renameCommand())
  command.addCommand(removeCommand())
  command.addCommand(updateCommand())
  return command
}

async function list({ json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const { machines, enrolled } = await client.machinesAndEnrolled()
  if (json) return printJson({ machines, enrolled })
  const { enrolledText, machineTable } = await import('./render/machine.ts')
  print(machineTable(machines, Date.now(), stdoutColors(), stdoutWidth()))
  if (enrolled.length > 0) print(`\n${enrolledText(enrolled, Date.now())}`)
}

async function check(given: string | undefined, { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const { resolveMachine } = await import('./client/machine-id.ts')
  const { machine_id: id } = await resolveMachine(client, given)
  const outcome = await client.machineCommand(id, 'check', {}, CHECK_WAIT_S)
  const machine = (await client.machines()).find(({ machine_id }) => machine_id === id)
  if (json) return printJson({ ...outcome, machine })
  if (outcome.state === 'pending') {
    const { notePending } = await import('./agent/outcome.ts')
    return notePending()
  }
  const { machineTable } = await import('./render/machine.ts')
  print(machineTable(machine ? [machine] : [], Date.now(), stdoutColors(), stdoutWidth()))
}
