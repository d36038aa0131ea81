import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson } from '../terminal.ts'

const HELP = `
The command changes only the name at the hub. It does not affect the machine, its host name, or its agents.

Examples:
  $ fomular-daemon machine rename debian build-7
  $ fomular-daemon machine rename 7d12e854 "Build server 7"`

export function renameCommand(): Command {
  return withHub(
    new Command('rename')
      .description('rename a machine')
      .argument('<machine>', 'name, host name, id, or prefix of an id')
      .argument('<name>', 'new name of the machine')
      .addHelpText('after', HELP)
      .action(rename),
  )
}

async function rename(given: string, wanted: string, { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const { machineName, resolveMachine } = await import('../client/machine-id.ts')
  const before = await resolveMachine(client, given)
  const machine = await client.renameMachine(before.machine_id, wanted)
  if (json) return printJson({ machine })
  const names = [machineName(before), machineName(machine)].map((name) => cleanLine(name, 64))
  print(`${names[0]} is now called ${names[1]}.`)
}
