import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson } from '../terminal.ts'
import { labelsOf } from './labels.ts'

const MACHINE = 'name, host name, id, or prefix of an id'

export function groupCommand(): Command {
  return withHub(
    new Command('group')
      .description('put machines in a group; rollouts update machines by group')
      .argument('<to>', 'name of the group; "none" takes the machines out of their groups')
      .argument('<machine...>', MACHINE)
      .addHelpText('after', '\nExample:\n  $ fomular-daemon machine group canary build-7 build-8')
      .action(group),
  )
}

export function labelCommand(): Command {
  return withHub(
    new Command('label')
      .description('set the labels of a machine, and remove all others')
      .argument('<machine>', MACHINE)
      .argument('[k=v...]', 'key=value')
      .addHelpText('after', '\nExample:\n  $ fomular-daemon machine label build-7 site=berlin team=web')
      .action(label),
  )
}

async function group(name: string, given: string[], { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const [{ machineName, pickMachine }, all] = await Promise.all([
    import('../client/machine-id.ts'),
    client.machines(),
  ])
  const chosen = given.map((each) => pickMachine(all, each))
  const machines = []
  for (const { machine_id } of chosen)
    machines.push(await client.rollouts.place(machine_id, { group: name === 'none' ? '' : name }))
  if (json) return printJson({ machines })
  const names = machines.map((each) => cleanLine(machineName(each), 64)).join(', ')
  print(name === 'none' ? `${names}: in no group.` : `${names}: in the group ${cleanLine(name, 64)}.`)
}

async function label(given: string, texts: string[], { json, ...flags }: HubOptions) {
  const labels = labelsOf(texts)
  const client = await connectHub(flags)
  const { machineName, resolveMachine } = await import('../client/machine-id.ts')
  const { machine_id } = await resolveMachine(client, given)
  const machine = await client.rollouts.place(machine_id, { labels })
  if (json) return printJson({ machine })
  print(`${cleanLine(machineName(machine), 64)}: ${cleanLine(texts.join(', '), 300) || 'no labels'}`)
}
