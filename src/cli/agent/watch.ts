import { Command } from 'commander'
import type { HubClient } from '../../client/hub-client.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { connectSigning, type HubOptions, JSON_OUTPUT, withHub, withSigning } from '../options.ts'
import { isInteractive } from '../terminal.ts'

const HELP = `
On a terminal, the command asks you to answer the agent's requests. The command ends when the agent ends.
Ctrl-C stops only the command, not the agent. With --json, the command prints one event per line.

Without an id, the command shows everything that waits for you on all machines, and asks about one request
after the other. You can skip a request, or open the agent's activity. While nothing waits, the command shows
which agents work. --machine limits it to one machine. With --json, it prints a line when a request begins to wait ("waiting"), when its
machine connects or disconnects, and when the request was answered or withdrawn ("settled").

Examples:
  $ fomular-daemon agent watch
  $ fomular-daemon agent watch a-1f2e
  $ fomular-daemon agent watch a-1f2e --from now
  $ fomular-daemon agent watch a-1f2e --from 18230.0 --json`

export function watchCommand(): Command {
  return withSigning(
    withHub(
      new Command('watch')
        .description("follow an agent's activity, or everything that waits for you")
        .argument('[id]', 'id of the agent, or a unique prefix; without it, all agents')
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

type Options = HubOptions & { from: string }

async function watch(given: string | undefined, { json, from, ...flags }: Options, command: Command) {
  if (given === undefined) return watchAll({ json, ...flags }, command.getOptionValueSource('from') === 'cli')
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

async function watchAll({ json, ...flags }: HubOptions, isFromGiven: boolean) {
  if (isFromGiven)
    throw new UserError('usage', '--from needs the id of an agent.', {
      remedy: 'Name the agent, or leave out --from.',
      exitCode: EXIT.usage,
    })
  if (!json && !isInteractive())
    throw new UserError('no_terminal', 'Without the id of an agent, this command needs a terminal.', {
      remedy:
        'List the agents that wait: fomular-daemon agent list --waiting, or follow them as JSON: fomular-daemon agent watch --json',
      exitCode: EXIT.usage,
    })
  const client = await connectSigning(flags)
  const machine = flags.machine === undefined ? undefined : await machineNamed(client, flags.machine)
  if (json) {
    const { printWaiting } = await import('./desk/print-waiting.ts')
    await printWaiting(client, machine?.machine_id)
    process.exitCode = EXIT.interrupted
  } else {
    const { Desk } = await import('./desk/desk.ts')
    const interrupted = await new Desk(client, { machineId: machine?.machine_id }).run()
    if (interrupted) process.exitCode = EXIT.interrupted
  }
}

async function machineNamed(client: HubClient, name: string) {
  const { resolveMachine } = await import('../client/machine-id.ts')
  return resolveMachine(client, name)
}
