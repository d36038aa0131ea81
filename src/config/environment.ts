import { delimiter } from 'node:path'

/** Variables that contain secrets of this program, or that concern only this program and its supervisor. */
const OWN = [
  /^FOMULAR_(KEY|KEY_FILE|ENROLL_TOKEN|HUB_KEY|HUB_KEY_FILE|CONFIG|DAEMON_.*)$/,
  // systemd: with these variables, a child could talk to the service manager in the daemon's name.
  /^(NOTIFY_SOCKET|WATCHDOG_.*|SYSTEMD_EXEC_PID|INVOCATION_ID|JOURNAL_STREAM|LISTEN_.*|MAINPID|MANAGERPID)$/,
  /^(CREDENTIALS|STATE|RUNTIME|CACHE|LOGS|CONFIGURATION)_DIRECTORY$/,
  /^MEMORY_PRESSURE_(WATCH|WRITE)$/,
  // pm2
  /^(pm_.*|PM2_.*|NODE_APP_INSTANCE|axm_.*|km_link|unique_id|vizion.*)$/,
  // Node's IPC channel to the daemon's parent.
  /^NODE_(CHANNEL_FD|CHANNEL_SERIALIZATION_MODE|UNIQUE_ID)$/,
  // npm start
  /^(npm_.*|INIT_CWD)$/,
  // Set if a tool or a hook of a Claude Code session started the daemon: the daemon's agents are separate
  // sessions, and must not act in the name of that session.
  /^(CLAUDECODE|CLAUDE_(PID|EFFORT|ENV_FILE|PROJECT_DIR|PLUGIN_(ROOT|DATA|OPTION_.*)))$/,
  /^CLAUDE_CODE_(MESSAGING|CHILD|SESSION|BRIDGE|WORKER|REMOTE_SESSION)_.*$/,
  /^CLAUDE_CODE_(ENTRYPOINT|SSE_PORT|EXECPATH|INVOKED_SKILLS|RESUME_INTERRUPTED_TURN)$/,
]

/**
 * Variable that marks a version on trial. The previous version must be able to replace a version on trial.
 * Therefore, a version on trial does not change the format of folders, and does not exit with a code that
 * makes a supervisor give up.
 */
export const ON_TRIAL = 'FOMULAR_DAEMON_ON_TRIAL'

/** Variable with the umask of agents, for a daemon that gets its own umask from its unit. */
export const AGENT_UMASK = 'FOMULAR_DAEMON_AGENT_UMASK'
/** The umask that units give the daemon. */
const UNIT_UMASK = 0o077

/**
 * Returns the umask of agents, as octal digits: usually the daemon's umask. The usual umask of a unit is meant
 * for the daemon's own files, not for the files that agents write. If an administrator sets `UMask=`, this
 * umask applies to both kinds of files.
 */
export function agentUmask(env: NodeJS.ProcessEnv, own = process.umask()): string {
  const { [AGENT_UMASK]: given = '' } = env
  return own === UNIT_UMASK && /^[0-7]{3,4}$/.test(given) ? given : own.toString(8)
}

/**
 * Returns the environment that agents inherit: the daemon's environment, without secrets and without
 * variables that concern only the daemon.
 */
export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !OWN.some((pattern) => pattern.test(name)))
  const child: NodeJS.ProcessEnv = Object.fromEntries(kept)
  // This variable tells a command which program runs it: here, the outer Claude Code.
  if (/^claude-code[_/]/.test(child.AI_AGENT ?? '')) delete child.AI_AGENT
  if (child.PATH !== undefined && env.npm_execpath !== undefined) child.PATH = withoutNpm(child.PATH)
  return child
}

/**
 * Removes the folders that `npm start` puts before the user's folders: the tool folders of its package, and
 * of every folder above the package.
 */
const withoutNpm = (path: string) =>
  path
    .split(delimiter)
    .filter((dir) => !/[/\\](node_modules[/\\]\.bin|node-gyp-bin)[/\\]?$/.test(dir))
    .join(delimiter)
