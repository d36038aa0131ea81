import { join } from 'node:path'
import type { AgentSpec } from '../../../protocol/index.ts'
import type { LaunchPlan, LaunchSession } from '../runtime.ts'

/** Ms for which Claude Code gathers token deltas into one line: few enough to look live, a tenth of the lines. */
const DELTA_HOLD_MS = 100

const ENVIRONMENT = {
  // The lines that tell running, waiting and idle apart.
  CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS: '1',
  CLAUDE_CODE_STARTUP_FAILURE_RESULTS: '1',
  CLAUDE_CODE_STREAM_EVENT_HOLD_MS: String(DELTA_HOLD_MS),
  // An update beneath a running agent is the operator's to make.
  DISABLE_AUTOUPDATER: '1',
  // Left by a Claude Code that this daemon itself was started from.
  CLAUDECODE: undefined,
  CLAUDE_CODE_ENTRYPOINT: undefined,
  CLAUDE_CODE_SESSION_ID: undefined,
  CLAUDE_PID: undefined,
}

const ALWAYS = [
  '-p',
  '--input-format=stream-json',
  '--output-format=stream-json',
  '--verbose',
  '--include-partial-messages',
  // A prompt is then part of the journal, and older versions say in this way that they have it.
  '--replay-user-messages',
  '--forward-subagent-text',
  '--include-hook-events',
  '--permission-prompt-tool=stdio',
]

/** Always `--flag=value`: a value from outside is never taken for a flag. Long or private values go into files. */
export function launch(
  spec: AgentSpec,
  { path, dir, session }: { path: string; dir: string; session?: LaunchSession },
): LaunchPlan {
  const argv = [path, ...ALWAYS]
  const files: Record<string, string> = {}
  const flag = (name: string, value: string | number | undefined) => {
    if (value !== undefined) argv.push(`--${name}=${value}`)
  }
  const file = (name: string, text: string) => {
    files[name] = text
    return join(dir, name)
  }

  flag('model', spec.model)
  flag('fallback-model', spec.fallback_model)
  flag('effort', spec.effort)
  flag('permission-mode', spec.permission_mode)
  flag('allowedTools', spec.allowed_tools?.join(','))
  flag('disallowedTools', spec.disallowed_tools?.join(','))
  flag('max-turns', spec.limits?.max_turns)
  flag('max-budget-usd', spec.limits?.max_budget_usd)
  for (const add of spec.add_dirs ?? []) flag('add-dir', add)
  if (spec.system_prompt) {
    const { mode, text } = spec.system_prompt
    flag(
      mode === 'append' ? 'append-system-prompt-file' : 'system-prompt-file',
      file('system-prompt.md', text),
    )
  }
  if (spec.mcp_servers) flag('mcp-config', file('mcp.json', JSON.stringify({ mcpServers: spec.mcp_servers })))
  if (spec.mcp_strict) argv.push('--strict-mcp-config')
  if (session) {
    flag(session.mode === 'new' ? 'session-id' : 'resume', session.id)
    if (session.mode === 'fork') argv.push('--fork-session')
  }
  return {
    argv,
    files,
    env: { ...ENVIRONMENT, ...(session?.resumeTurn && { CLAUDE_CODE_RESUME_INTERRUPTED_TURN: '1' }) },
  }
}

const SESSION_FLAGS = ['--session-id', '--resume', '-r']

/** A fork was started from the session, and is in one of its own. */
export function isInSession(argv: string[], sessionId: string): boolean {
  if (argv.includes('--fork-session')) return false
  return argv.some(
    (arg, i) =>
      SESSION_FLAGS.some((flag) => arg === `${flag}=${sessionId}`) ||
      (arg === sessionId && SESSION_FLAGS.includes(argv[i - 1] ?? '')),
  )
}
