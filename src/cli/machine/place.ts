import { Command, Option } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { HubMachine } from '../../protocol/index.ts'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson } from '../terminal.ts'
import { labelsOf } from './labels.ts'

const GROUP_HELP = `
With --label, the group gets the machines that have the label now, and the command names them. A machine can report
any label about itself, unless you have set this label with \`fomular-daemon machine label\`.

Examples:
  $ fomular-daemon machine group canary build-7 build-8
  $ fomular-daemon machine group berlin --label site=berlin`

const MACHINE = 'name, host name, id, or prefix of an id'

export function groupCommand(): Command {
  return withHub(
    new Command('group')
      .description('put machines in a group; rollouts update machines by group')
      .argument('<to>', 'name of the group; "none" takes the machines out of their groups')
      .argument('[machine...]', MACHINE)
      .addOption(
        new Option(
          '--label <key=value>',
          'all machines with this label; repeat it for machines with several labels',
        ).argParser((label: string, before: string[] = []) => [...before, label]),
      )
      .addHelpText('after', GROUP_HELP)
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

interface GroupOptions extends HubOptions {
  label?: string[]
}

/** Returns the machines that have all labels. A label that people have set at the hub replaces the machine's own. */
const withLabels = (all: HubMachine[], wanted: Record<string, string>) =>
  all.filter(({ labels, own_labels }) => {
    const known: Record<string, string> = { ...own_labels, ...labels }
    return Object.entries(wanted).every(([key, value]) => Object.hasOwn(known, key) && known[key] === value)
  })

async function group(name: string, given: string[], { label = [], json, ...flags }: GroupOptions) {
  const wanted = labelsOf(label)
  if (given.length > 0 === label.length > 0)
    throw new UserError('usage', 'Name the machines, or give --label.', {
      remedy: 'See `fomular-daemon machine group --help`.',
      exitCode: EXIT.usage,
    })
  const client = await connectHub(flags)
  const [{ machineName, pickMachine }, all] = await Promise.all([
    import('../client/machine-id.ts'),
    client.machines(),
  ])
  const chosen = label.length > 0 ? withLabels(all, wanted) : given.map((each) => pickMachine(all, each))
  if (chosen.length === 0)
    throw new UserError('machine_not_found', 'No machine has this label.', {
      remedy: 'List the machines with their labels: `fomular-daemon machine list`.',
    })
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
