import { Command, Option } from 'commander'
import type { Outcome } from '../../protocol/index.ts'
import { resolveMachine } from '../client/machine-id.ts'
import { connectHub, type HubOptions, JSON_OUTPUT, numeric, repeatable, withHub } from '../options.ts'
import { note, print, printJson } from '../terminal.ts'
import type { PromptFlags } from './content.ts'
import type { SpecFlags } from './spec.ts'

/** Seconds for the agent's start: a machine under load takes its time. */
const START_WAIT_S = 60

const HELP = `
With --wait the agent's activity is printed as it comes, until its turn ends: exit code 0, or 3 if it failed. On a
terminal you are asked there when the agent wants leave to do something.

--permission-mode is one of those of Claude Code:

  default            asks before it changes files or runs commands
  acceptEdits        changes files unasked, asks before other things
  plan               reads only, and asks to approve its plan
  dontAsk            does what is allowed, and is refused the rest unasked
  auto               lets Claude Code judge each action
  bypassPermissions  asks for nothing; for machines that hold nothing of value

--lease SECONDS:ACTION counts the time in which no daemon, or no server, has
been there for the agent, from 10 seconds on. Time that the machine sleeps does
not count. ACTION is what happens then:

  keep               it runs on
  stop-when-idle     it is stopped once it does not work, has no background task
                     and does not wait for an answer
  stop               it is stopped at once, in the middle of a turn as well

--restart: never; on-loss, after a reboot or when its process was killed from
outside; on-failure, those and when it ends with an exit code other than 0. Five
times an hour at most.

Examples:
  $ fomular-daemon agent start --cwd ~/project --prompt "Fix the failing tests" --wait
  $ fomular-daemon agent start --prompt-file task.md --permission-mode acceptEdits --title "Tests"
  $ git diff | fomular-daemon agent start --prompt - --append-system-prompt "Review this change" --wait
  $ fomular-daemon agent start --allowed-tools "Read,Grep,Bash(git log *)" --max-turns 20 --prompt "…"
  $ fomular-daemon agent start --prompt "Upgrade the dependencies" --effort high --lease 3600:stop-when-idle
  $ fomular-daemon agent start --resume 9f666cfc-96da-45d6-ba3f-0b9e3afe0b19 --fork --prompt "Try it another way"`

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
    .option('--title <text>', 'what people see in lists beside its id')
    .option('--id <id>', 'id for it, of letters, digits, - and _ (default: one that the hub makes)')
    .option('--machine <machine>', 'name, host name or id of the machine (default: the only one)')
    .option(
      '--model <model>',
      'alias such as opus or sonnet, or a full name (default: as Claude Code is configured)',
    )
    .option('--fallback-model <model>', 'model to use while that one is overloaded')
    .option(
      '--effort <level>',
      'how much it thinks: low, medium, high, xhigh or max (default: what suits the model)',
    )
    .option(
      '--permission-mode <mode>',
      'what it may do unasked: see below (default: as Claude Code is configured)',
    )
    .option('--system-prompt <text>', "replace the agent's system prompt")
    .option('--append-system-prompt <text>', "add to the agent's system prompt")
    .addOption(repeatable('--allowed-tools <tools>', 'tools it may use without asking, separated by commas'))
    .addOption(repeatable('--disallowed-tools <tools>', 'tools it may not use, separated by commas'))
    .option('--mcp-config <file>', 'MCP servers, in the form Claude Code takes')
    .option('--strict-mcp-config', 'only those servers, none that the machine has configured')
    .addOption(repeatable('--add-dir <dir>', 'another directory it may work in; may be repeated'))
    .addOption(
      repeatable(
        '--env <name=value>',
        'environment variable for it, or NAME alone for the value it has here; may be repeated',
      ),
    )
    .option('--resume <session>', 'go on with the conversation of this session id')
    .option('--fork', 'with --resume: go on with a copy of it')
    .option('--max-turns <count>', 'most steps of one turn; it ends there', numeric)
    .option('--max-budget-usd <dollars>', 'most US dollars the agent may cost; its turn ends there', numeric)
    .addOption(
      new Option(
        '--restart <policy>',
        'when to start it again after it ended unasked (default: never)',
      ).choices(['never', 'on-loss', 'on-failure']),
    )
    .option('--resume-turn', 'with --restart: take up the turn it was at; else it waits for a prompt')
    .option(
      '--lease <seconds:action>',
      'what becomes of it without a daemon: see below (default: it runs on)',
    )
    .option('--runtime <name>', 'kind of agent (default: claude)')
    .addHelpText('after', HELP)
    .action(start)
  return withHub(command, JSON_OUTPUT.stream)
}

async function start({ id, machine, wait, json, ...flags }: Options) {
  const [{ promptContent }, { specFrom }, { delayOf, notePending }] = await Promise.all([
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
  else if (outcome.state === 'pending') notePending(await delayOf(client, agentId))
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
