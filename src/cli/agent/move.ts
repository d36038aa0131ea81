import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson } from '../terminal.ts'

const HELP = `
Use this command after you have moved an agent's state folder to a machine with another identity. The agent's
history at the hub then belongs to that machine. The command changes nothing on either machine.

Examples:
  $ fomular-daemon agent move a-1f2e build-8
  $ fomular-daemon agent move a-1f2e build-8 --machine build-7`

export function moveCommand(): Command {
  return withHub(
    new Command('move')
      .description('assign an agent to another machine')
      .argument('<id>', 'id of the agent, or a unique prefix')
      .argument('<machine>', 'machine to assign the agent to: name, host name, or id')
      .option('--force', 'move the agent even if its previous machine is connected')
      .addHelpText('after', HELP)
      .action(move),
  )
}

async function move(
  given: string,
  wanted: string,
  { json, force = false, ...flags }: HubOptions & { force?: boolean },
) {
  const client = await connectHub(flags)
  const [{ agentId }, { describedMachine, resolveMachine }] = await Promise.all([
    import('./outcome.ts'),
    import('../client/machine-id.ts'),
  ])
  const machine = await resolveMachine(client, wanted)
  const id = await agentId(client, given, flags.machine)
  const agent = await client.moveAgent(id, machine.machine_id, { force })
  if (json) return printJson(agent)
  print(`${cleanLine(id, 64)} now belongs to ${describedMachine(machine)}.`)
}
