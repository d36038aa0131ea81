import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { runtimeVariables } from '../agents/runtimes/index.ts'
import { ON_TRIAL } from '../config/environment.ts'
import { EXECUTABLE } from '../platform/executable.ts'
import { isProgram, programsOnPath } from '../platform/on-path.ts'
import { trustedPath } from '../platform/trusted-path.ts'
import { PM2_LAUNCHER, SUPERVISED } from '../service/plan.ts'
import { endsWith } from '../service/unit-fate.ts'
import { STARTED_AS } from '../update/switch/trial.ts'

/** Command line and environment of this process, captured before anything changes them. */
export interface Invocation {
  /** Node with its own arguments; empty if the program is an executable. */
  runner: string[]
  /**
   * The path by which the program was started, and the program's arguments. Links in the path are not
   * resolved, since a link may point to a newer version later.
   */
  argv: [program: string, ...args: string[]]
  env: NodeJS.ProcessEnv
  cwd: string
}

export function captureInvocation(): Invocation {
  const { execPath, execArgv, argv, env } = process
  const [, named = execPath, ...args] = argv
  // If pm2 starts the program, pm2's own script is the main module.
  const program = (isPm2(env) && env.pm_exec_path !== PM2_LAUNCHER && env.pm_exec_path) || named
  const cwd = process.cwd()
  // Leave out the variables that apply only to one start.
  const { [ON_TRIAL]: _trial, [STARTED_AS]: startedAs, ...lasting } = env
  return {
    runner: EXECUTABLE ? [] : [execPath, ...execArgv],
    argv: [EXECUTABLE ? pathOf(startedAs ?? program, env, cwd) : program, ...args],
    env: lasting,
    cwd,
  }
}

/**
 * Returns the path of a program that was started under this name. Does not ask the operating system, because
 * the system reports the path with symbolic links resolved.
 */
function pathOf(name: string, env: NodeJS.ProcessEnv, cwd: string): string {
  const found = name.includes('/') ? [resolve(cwd, name)].filter(isProgram) : programsOnPath(name, env, cwd)
  return found[0] ?? process.execPath
}

/**
 * Reports whether a supervisor restarts this daemon when it exits. A daemon that a supervisor restarts must
 * not restart itself.
 */
export function isSupervised(env: NodeJS.ProcessEnv, pid: number): boolean {
  if (env[SUPERVISED] === '1') return true
  // systemd sets SYSTEMD_EXEC_PID to the unit's main process. INVOCATION_ID alone is not enough, because
  // every process of a unit inherits it. If the main process is a shell that only waits for this daemon,
  // systemd still restarts the unit when the daemon ends.
  if (endsWith(Number(env.SYSTEMD_EXEC_PID), pid)) return true
  return isPm2(env)
}

const isPm2 = (env: NodeJS.ProcessEnv) => env.pm_id !== undefined && env.PM2_HOME !== undefined

/**
 * The values of these flags, and of `PATH_VARIABLES`, may be paths relative to the folder in which the
 * program was started.
 */
const PATH_FLAG = /^--(?:state-dir|data-dir|config|key-file|ca-file)(?:=|$)/
const PATH_VARIABLES = [
  'FOMULAR_STATE_DIR',
  'FOMULAR_CONFIG',
  'FOMULAR_KEY_FILE',
  'FOMULAR_CA_FILE',
  ...runtimeVariables.map(({ program }) => program),
  'SSL_CERT_FILE',
]

/**
 * Returns the command with which this program can be restarted now. If the folder in which the program was
 * started no longer exists, relative paths are made absolute. If the program's Node executable no longer
 * exists, for example after an update of Node, `node` on PATH is used.
 */
export function startNow({ runner, argv, env, cwd }: Invocation) {
  const [node, ...nodeArgs] = runner
  const isThere = node === undefined || existsSync(node)
  const found = isThere
    ? runner
    : [programsOnPath('node', { PATH: trustedPath(env) })[0] ?? node, ...nodeArgs]
  const command = (args: string[]) => [...found, ...args] as [file: string, ...args: string[]]
  if (existsSync(cwd)) return { command: command(argv), env, cwd }
  const fixed = (path: string) => (/^[\w.]/.test(path) ? resolve(cwd, path) : path)
  const args = argv.map((arg, i) => {
    const [flag = ''] = PATH_FLAG.exec(arg) ?? []
    if (flag.endsWith('=')) return flag + fixed(arg.slice(flag.length))
    return i > 0 && PATH_FLAG.exec(argv[i - 1]!)?.[0] === argv[i - 1] ? fixed(arg) : arg
  })
  const variables = PATH_VARIABLES.flatMap((name) => (env[name] ? [[name, fixed(env[name])]] : []))
  return { command: command(args), env: { ...env, ...Object.fromEntries(variables) }, cwd: '/' }
}

/**
 * Starts this program again as soon as this process has ended. The new process is detached and has no parent
 * (double fork).
 * @throws the system's error if it cannot be started
 */
export async function relaunch(invocation: Invocation): Promise<void> {
  const { command, env, cwd } = startNow(invocation)
  // The new daemon must not start before the lock and the socket are free. Descriptor 3 is a pipe to this
  // process. Only this process has the other end open, so the shell reads end of file when this process ends
  // for any reason.
  const script = 'read -r _ <&3; exec 3<&-; exec "$@"'
  const child = spawn('/bin/sh', ['-c', '(sh -c "$0" sh "$@" &)', script, ...command], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`sh exited with code ${code}`))))
  })
}
