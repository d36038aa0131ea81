import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson } from '../terminal.ts'

const HELP = `
For an agent whose state folder was moved to a machine with another identity. Its history at the hub is that machine's from
then on. Nothing on the machines changes.

Examples:
  $ fomular-daemon agent move a-1f2e build-8
  $ fomular-daemon agent move a-1f2e build-8 --machine build-7`

export function moveCommand(): Command {
  return withHub(
    new Command('move')
      .description("say that an agent is another machine's now")
      .argument('<id>', "the agent's id, or its beginning")
      .argument('<machine>', 'the machine that has it now: its name, host name or id')
      .option('--force', 'although the machine it was on is connected')
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
  print(`${cleanLine(id, 64)} is an agent of ${describedMachine(machine)} now.`)
}
