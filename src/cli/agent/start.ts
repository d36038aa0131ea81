import { Command, Option } from 'commander'
import type { Outcome } from '../../protocol/index.ts'
import { resolveMachine } from '../client/machine-id.ts'
import { connectHub, type HubOptions, numeric, repeatable, withHub } from '../options.ts'
import { note, print, printJson } from '../terminal.ts'
import type { PromptFlags } from './content.ts'
import type { SpecFlags } from './spec.ts'

/** Seconds for the agent's start: a machine under load takes its time. */
const START_WAIT_S = 60

const HELP = `
With --wait the agent's activity is printed as it comes, until its turn ends: exit code 0, or 3 if it failed. On a
terminal you are asked there when the agent wants leave to do something.

Examples:
  $ fomular-daemon agent start --cwd ~/project --prompt "Fix the failing tests" --wait
  $ fomular-daemon agent start --prompt-file task.md --permission-mode acceptEdits --title "Tests"
  $ git diff | fomular-daemon agent start --prompt - --append-system-prompt "Review this change" --wait
  $ fomular-daemon agent start --allowed-tools "Read,Grep,Bash(git log *)" --max-turns 20 --prompt "…"
  $ fomular-daemon agent start --resume 5f0c… --fork --prompt "Try it another way"`

interface Options extends HubOptions, PromptFlags, SpecFlags {
  id?: string
  machine?: string
  wait?: boolean
}

export function startCommand(): Command {
  const command = new Command('start')
    .description('start an agent')
    .option('--cwd <dir>', 'its working directory (default: this one)')
    .option('--prompt <text>', 'first prompt; - reads it from standard input')
    .option('--prompt-file <file>', 'first prompt, from a file')
    .addOption(repeatable('--image <file>', 'an image with the prompt; may be repeated'))
    .option('--wait', 'print what it does until its turn ends')
    .option('--title <text>', 'name for people')
    .option('--id <id>', 'id for it (default: one that the hub makes)')
    .option('--machine <machine>', 'name, host name or id of the machine (default: the only one)')
    .option('--model <model>', 'model')
    .option('--fallback-model <model>', 'model to use when that one is overloaded')
    .option('--effort <level>', 'how much it thinks')
    .option('--permission-mode <mode>', 'default, acceptEdits, plan, dontAsk, bypassPermissions, …')
    .option('--system-prompt <text>', "replace the agent's system prompt")
    .option('--append-system-prompt <text>', 'add to it')
    .addOption(repeatable('--allowed-tools <tools>', 'tools it may use without asking, separated by commas'))
    .addOption(repeatable('--disallowed-tools <tools>', 'tools it may not use'))
    .option('--mcp-config <file>', 'MCP servers, in the form Claude Code takes')
    .option('--strict-mcp-config', 'only those, none of the machine')
    .addOption(repeatable('--add-dir <dir>', 'another directory it may work in; may be repeated'))
    .addOption(repeatable('--env <name=value>', 'environment variable for it; may be repeated'))
    .option('--resume <session>', 'go on with an earlier conversation')
    .option('--fork', 'with --resume: go on with a copy of it')
    .option('--max-turns <count>', 'end a turn after so many steps', numeric)
    .option('--max-budget-usd <dollars>', 'stop when it has cost so much', numeric)
    .addOption(
      new Option('--restart <policy>', 'start it again when it ends unasked').choices([
        'never',
        'on-loss',
        'on-failure',
      ]),
    )
    .option('--resume-turn', 'with --restart: take up the interrupted turn again')
    .option('--lease <seconds:action>', 'when nobody has come back for so long: keep, stop-when-idle or stop')
    .option('--runtime <name>', 'kind of agent (default: claude)')
    .addHelpText('after', HELP)
    .action(start)
  return withHub(command)
}

async function start({ id, machine, wait, json, ...flags }: Options) {
  const [{ promptContent }, { specFrom }, { notePending }] = await Promise.all([
    import('./content.ts'),
    import('./spec.ts'),
    import('./outcome.ts'),
  ])
  const prompt = promptContent(flags)
  const spec = specFrom(flags, prompt)
  const client = await connectHub(flags)
  const machine_id = machine === undefined ? undefined : (await resolveMachine(client, machine)).machine_id
  const outcome = await client.start(
    { spec, ...(id !== undefined && { agent_id: id }), ...(machine_id !== undefined && { machine_id }) },
    START_WAIT_S,
  )
  const agentId = outcome.agent_id ?? id ?? ''
  if (json) printJson(outcome)
  else if (outcome.state === 'pending') notePending()
  if (!wait || prompt === undefined) {
    if (!json) print(started(agentId, outcome, prompt !== undefined))
    return
  }
  if (!json) note(`Agent ${agentId}`)
  const { settled, waitForTurn } = await import('./wait.ts')
  const { result } = await settled(client, outcome)
  const promptId = typeof result?.prompt_id === 'string' ? result.prompt_id : undefined
  process.exitCode = await waitForTurn(client, agentId, { promptId, json })
}

const started = (agentId: string, { state }: Outcome, prompted: boolean) =>
  `Agent ${agentId} ${state === 'pending' ? 'is to start' : prompted ? 'has started' : 'has started, and waits for a prompt'}.
  fomular-daemon agent watch ${agentId}`
