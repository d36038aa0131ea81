import { join } from 'node:path'
import type { AgentSpec } from '../../../protocol/index.ts'
import type { LaunchPlan, LaunchSession } from '../program.ts'

/**
 * Time for which Claude Code collects token deltas before it writes them in one line, in ms. The output still
 * looks live, but has only a tenth of the lines.
 */
const DELTA_HOLD_MS = 100

const ENVIRONMENT = {
  // Makes Claude Code report the states running, waiting and idle.
  CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS: '1',
  CLAUDE_CODE_STARTUP_FAILURE_RESULTS: '1',
  CLAUDE_CODE_STREAM_EVENT_HOLD_MS: String(DELTA_HOLD_MS),
  // Only the machine's operator may update the program while an agent runs.
  DISABLE_AUTOUPDATER: '1',
  // Remove these variables, which this daemon inherits if it was started from within Claude Code.
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
  // Claude Code repeats each prompt in its output. Older versions confirm prompts only in this way.
  '--replay-user-messages',
  '--forward-subagent-text',
  '--include-hook-events',
  '--permission-prompt-tool=stdio',
]

/** Settings that are passed to Claude Code as flags or files. */
export const SETTINGS = [
  'model',
  'fallback_model',
  'effort',
  'permission_mode',
  'system_prompt',
  'allowed_tools',
  'disallowed_tools',
  'mcp_servers',
  'mcp_strict',
  'add_dirs',
  'limits',
] as const satisfies readonly (keyof AgentSpec)[]

/**
 * Returns the launch plan. Flags have the form `--flag=value`, so that a value cannot be read as a flag.
 * Private values are written to files.
 */
export function launch(
  spec: AgentSpec,
  {
    path,
    dir,
    session,
    ignoresStartupFiles,
  }: { path: string; dir: string; session?: LaunchSession; ignoresStartupFiles?: boolean },
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
  if (ignoresStartupFiles) argv.push('--setting-sources=user')
  if (spec.mcp_strict || ignoresStartupFiles) argv.push('--strict-mcp-config')
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

/**
 * Reports whether the arguments name the session. A fork continues the session's conversation in a new
 * session, so the function returns false for a fork.
 */
export function isInSession(argv: string[], sessionId: string): boolean {
  if (argv.includes('--fork-session')) return false
  return argv.some(
    (arg, i) =>
      SESSION_FLAGS.some((flag) => arg === `${flag}=${sessionId}`) ||
      (arg === sessionId && SESSION_FLAGS.includes(argv[i - 1] ?? '')),
  )
}
