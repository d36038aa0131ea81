import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson } from '../terminal.ts'

const HELP = `
The hub keeps the name: the machine itself, its host name and its agents stay as they are.

Examples:
  $ fomular-daemon machine rename debian build-7
  $ fomular-daemon machine rename 7d12e854 "Build server 7"`

export function renameCommand(): Command {
  return withHub(
    new Command('rename')
      .description('call a machine something else')
      .argument('<machine>', 'its name, host name, id, or the beginning of its id')
      .argument('<name>', 'what to call it from now on')
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
  print(`${names[0]} is called ${names[1]} from now on.`)
}
