import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { print, printJson, stdoutColors, stdoutWidth } from '../terminal.ts'
import { addCommand } from './add.ts'
import { blockCommand, blockedCommand, unblockCommand } from './block.ts'
import { groupCommand, labelCommand } from './place.ts'
import { removeCommand } from './remove.ts'
import { renameCommand } from './rename.ts'
import { rolloutCommand } from './rollout.ts'
import { updateCommand } from './update.ts'

/** Maximum time for a check, in seconds: the daemon runs every agent program to get its version and login. */
const CHECK_WAIT_S = 60

const HELP = `
Examples:
  $ fomular-daemon machine list
  $ fomular-daemon machine add --name build-7
  $ fomular-daemon machine update build-7`

export function machineCommand(): Command {
  const command = new Command('machine')
    .description('list and manage the machines of the hub')
    .addHelpText('after', HELP)
  command.addCommand(
    withHub(
      new Command('list')
        .alias('ls')
        .description('list all machines, their agent programs, and their problems')
        .addHelpText('after', '\nExample:\n  $ fomular-daemon machine list')
        .action(list),
    ),
  )
  command.addCommand(
    withHub(
      new Command('check')
        .description('make a machine check its agent programs, their versions, and their logins')
        .argument('[machine]', 'name, host name, id, or prefix of an id (default: the only machine)')
        .addHelpText('after', '\nExample, after logging in to Claude Code:\n  $ fomular-daemon machine check')
        .action(check),
    ),
  )
  command.addCommand(addCommand())
  command.addCommand(renameCommand())
  command.addCommand(removeCommand())
  command.addCommand(groupCommand())
  command.addCommand(labelCommand())
  command.addCommand(updateCommand())
  command.addCommand(rolloutCommand())
  command.addCommand(blockCommand())
  command.addCommand(unblockCommand())
  command.addCommand(blockedCommand())
  return command
}

async function list({ json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const { machines, enrolled } = await client.machinesAndEnrolled()
  if (json) return printJson({ machines, enrolled })
  const { enrolledText, machineTable } = await import('../render/machine.ts')
  print(machineTable(machines, Date.now(), stdoutColors(), stdoutWidth()))
  if (enrolled.length > 0) print(`\n${enrolledText(enrolled, Date.now())}`)
}

async function check(given: string | undefined, { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const { resolveMachine } = await import('../client/machine-id.ts')
  const { machine_id: id } = await resolveMachine(client, given)
  const outcome = await client.machineCommand(id, 'check', {}, CHECK_WAIT_S)
  const machine = await client.machine(id)
  if (json) return printJson({ ...outcome, machine })
  if (outcome.state === 'pending') {
    const { notePending } = await import('../agent/outcome.ts')
    return notePending()
  }
  const { machineTable } = await import('../render/machine.ts')
  print(machineTable(machine ? [machine] : [], Date.now(), stdoutColors(), stdoutWidth()))
}
