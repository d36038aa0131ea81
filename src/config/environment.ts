import { delimiter } from 'node:path'

/** Secrets of this program, and what only concerns it and whoever supervises it. */
const OWN = [
  /^FOMULAR_(KEY|KEY_FILE|ENROLL_TOKEN|HUB_KEY|HUB_KEY_FILE|CONFIG|DAEMON_.*)$/,
  // systemd: a child that found these would speak to the unit's manager in the daemon's name.
  /^(NOTIFY_SOCKET|WATCHDOG_.*|SYSTEMD_EXEC_PID|INVOCATION_ID|JOURNAL_STREAM|LISTEN_.*|MAINPID|MANAGERPID)$/,
  /^(CREDENTIALS|STATE|RUNTIME|CACHE|LOGS|CONFIGURATION)_DIRECTORY$/,
  /^MEMORY_PRESSURE_(WATCH|WRITE)$/,
  // pm2
  /^(pm_.*|PM2_.*|NODE_APP_INSTANCE|axm_.*|km_link|unique_id|vizion.*)$/,
  // Node's channel to a parent that is not the agent's.
  /^NODE_(CHANNEL_FD|CHANNEL_SERIALIZATION_MODE|UNIQUE_ID)$/,
  // npm start
  /^(npm_.*|INIT_CWD)$/,
  // A daemon started from within a Claude Code session, by a tool or a hook: its agents are sessions of their own, and
  // are not to speak in that one's name.
  /^(CLAUDECODE|CLAUDE_(PID|EFFORT|ENV_FILE|PROJECT_DIR|PLUGIN_(ROOT|DATA|OPTION_.*)))$/,
  /^CLAUDE_CODE_(MESSAGING|CHILD|SESSION|BRIDGE|WORKER|REMOTE_SESSION)_.*$/,
  /^CLAUDE_CODE_(ENTRYPOINT|SSE_PORT|EXECPATH|INVOKED_SKILLS|RESUME_INTERRUPTED_TURN)$/,
]

/**
 * In the environment of a version that an update has on trial. The version before must be able to follow it: so it leaves
 * the format of folders as it is, and does not end with a code after which a supervisor leaves it alone.
 */
export const ON_TRIAL = 'FOMULAR_DAEMON_ON_TRIAL'

/** Names the umask of agents, in the environment of a daemon whose own umask is its unit's. */
export const AGENT_UMASK = 'FOMULAR_DAEMON_AGENT_UMASK'
/** The umask that units give the daemon. */
const UNIT_UMASK = 0o077

/**
 * Returns the umask of agents, as octal digits, where it is not the daemon's: its unit keeps the daemon's own files
 * private, not those that agents write. An administrator's UMask= counts for both.
 */
export function agentUmask(env: NodeJS.ProcessEnv, own = process.umask()): string | undefined {
  const { [AGENT_UMASK]: given = '' } = env
  return own === UNIT_UMASK && /^[0-7]{3,4}$/.test(given) ? given : undefined
}

/** What agents inherit of the daemon's environment: everything but secrets and what ties them to the daemon. */
export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !OWN.some((pattern) => pattern.test(name)))
  const child: NodeJS.ProcessEnv = Object.fromEntries(kept)
  // Says which program a command is run by: the outer Claude Code.
  if (/^claude-code[_/]/.test(child.AI_AGENT ?? '')) delete child.AI_AGENT
  if (child.PATH !== undefined && env.npm_execpath !== undefined) child.PATH = withoutNpm(child.PATH)
  return child
}

/** `npm start` puts its package's tools, and those of every folder above, before the user's. */
const withoutNpm = (path: string) =>
  path
    .split(delimiter)
    .filter((dir) => !/[/\\](node_modules[/\\]\.bin|node-gyp-bin)[/\\]?$/.test(dir))
    .join(delimiter)
