import { Command } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../exit-codes.ts'
import { connectHub, type HubOptions, JSON_OUTPUT, withHub } from '../options.ts'

const HELP = `
On a terminal you are asked there when the agent asks for something. It ends with the agent; Ctrl-C ends it before,
and leaves the agent alone. With --json one event a line.

Examples:
  $ fomular-daemon agent watch a-1f2e
  $ fomular-daemon agent watch a-1f2e --from now
  $ fomular-daemon agent watch a-1f2e --from 18230.0 --json`

export function watchCommand(): Command {
  return withHub(
    new Command('watch')
      .description('follow what an agent does')
      .argument('<id>', "the agent's id, or its beginning")
      .option('--from <place>', 'where to begin: start, now, or behind the event at OFFSET.INDEX', 'start')
      .addHelpText('after', HELP)
      .action(watch),
    JSON_OUTPUT.stream,
  )
}

async function watch(given: string, { json, from, ...flags }: HubOptions & { from: string }) {
  if (from !== 'start' && from !== 'now' && !/^\d{1,16}\.\d{1,9}$/.test(from))
    throw new UserError('usage', `--from is "${from}", but must be start, now or OFFSET.INDEX.`, {
      exitCode: EXIT.usage,
    })
  const client = await connectHub(flags)
  const [{ agentId }, { follow, idOf, lastActivity, placeNow }, { View }, { endText }, { note }] =
    await Promise.all([
      import('./outcome.ts'),
      import('../client/follow.ts'),
      import('./view.ts'),
      import('../render/agents.ts'),
      import('../terminal.ts'),
    ])
  const id = await agentId(client, given, flags.machine)
  const agent = await client.agent(id)
  let place = from === 'start' ? undefined : from === 'now' ? placeNow(agent) : from
  const over = new AbortController()
  const interrupted = () => over.abort()
  process.once('SIGINT', interrupted)
  const view = new View(client, id, { json, over })
  let ending: string | undefined
  try {
    const connection = view.connection.bind(view)
    for await (const item of follow(client, id, { after: place, signal: over.signal, connection })) {
      if (item.type === 'activity') {
        place = idOf(item.event)
        view.activity(item.event)
        continue
      }
      view.status(item.agent)
      if (item.agent.state === 'exited' || item.agent.state === 'failed' || item.agent.gone) {
        ending = item.agent.gone ? 'The agent is not on its machine any more.' : endText(item.agent)
        break
      }
    }
    if (ending !== undefined)
      for await (const event of lastActivity(client, id, place, over.signal)) view.activity(event)
  } finally {
    process.off('SIGINT', interrupted)
    await view.close()
  }
  if (over.signal.aborted) process.exitCode = EXIT.interrupted
  else if (!json) note(ending ?? 'The agent was removed.')
}
