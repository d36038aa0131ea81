import { Command } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { connectSigning, type HubOptions, JSON_OUTPUT, withHub, withSigning } from '../options.ts'

const HELP = `
On a terminal, the command asks you to answer the agent's requests. The command ends when the agent ends.
Ctrl-C stops only the command, not the agent. With --json, the command prints one event per line.

Examples:
  $ fomular-daemon agent watch a-1f2e
  $ fomular-daemon agent watch a-1f2e --from now
  $ fomular-daemon agent watch a-1f2e --from 18230.0 --json`

export function watchCommand(): Command {
  return withSigning(
    withHub(
      new Command('watch')
        .description("follow an agent's activity")
        .argument('<id>', 'id of the agent, or a unique prefix')
        .option(
          '--from <place>',
          'position to begin at: start, now, or OFFSET.INDEX, to begin after this event',
          'start',
        )
        .addHelpText('after', HELP)
        .action(watch),
      JSON_OUTPUT.stream,
    ),
  )
}

async function watch(given: string, { json, from, ...flags }: HubOptions & { from: string }) {
  if (from !== 'start' && from !== 'now' && !/^\d{1,16}\.\d{1,9}$/.test(from))
    throw new UserError('usage', `--from must be start, now, or OFFSET.INDEX, not "${from}".`, {
      exitCode: EXIT.usage,
    })
  const client = await connectSigning(flags)
  const [{ agentId }, { showUntilEnd }, { placeNow }, { endText }, { note }] = await Promise.all([
    import('./outcome.ts'),
    import('./show-until-end.ts'),
    import('../../client/place-now.ts'),
    import('../render/agents.ts'),
    import('../terminal.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  const agent = await client.agent(id)
  const { ending, interrupted } = await showUntilEnd(client, id, {
    after: from === 'start' ? undefined : from === 'now' ? placeNow(agent) : from,
    json,
    endingOf: (agent) => {
      if (agent.gone) return 'The agent is no longer on its machine.'
      return agent.state === 'exited' || agent.state === 'failed' ? endText(agent) : undefined
    },
  })
  if (interrupted) process.exitCode = EXIT.interrupted
  else if (!json) note(ending)
}
