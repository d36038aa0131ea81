import { Command } from 'commander'
import { connectHub, type HubOptions, JSON_OUTPUT, withHub } from '../options.ts'
import { printJson, stdoutColors, stdoutWidth, write } from '../terminal.ts'

const HELP = `
With --json, each event includes its position in the agent's history.

Examples:
  $ fomular-daemon agent log a-1f2e | less -R
  $ fomular-daemon agent log a-1f2e --json | jq 'select(.kind == "tool_use")'`

export function logCommand(): Command {
  return withHub(
    new Command('log')
      .description("print an agent's complete activity from the hub")
      .argument('<id>', 'id of the agent, or a unique prefix')
      .addHelpText('after', HELP)
      .action(log),
    JSON_OUTPUT.lines,
  )
}

async function log(given: string, { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const [{ agentId }, { history }, { Conversation }, { reasonText }, { markdownLexing }] = await Promise.all([
    import('./outcome.ts'),
    import('../../client/history.ts'),
    import('../render/conversation.ts'),
    import('../render/agents.ts'),
    import('./markdown-lexing.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  const colors = stdoutColors()
  const conversation = new Conversation(colors, stdoutWidth, json ? undefined : await markdownLexing())
  for await (const event of history(client, id)) {
    if (json) printJson(event)
    else write(conversation.event(event))
  }
  write(conversation.interrupt())
  if (json) return
  const reason = reasonText(await client.agent(id))
  if (reason !== undefined) write(`${colors.dim(`-- ${reason}`)}\n`)
}
