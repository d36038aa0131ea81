import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { runtimes } from '../../agents/runtimes/index.ts'
import type { RuntimeAdapter } from '../../agents/runtimes/runtime.ts'
import { homeOf } from '../../config/home.ts'
import { faultsOf } from '../../platform/ownership.ts'
import type { Runtime } from '../../protocol/index.ts'
import { isWritable } from '../../update/switch/layout.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import type { Finding } from '../render/finding.ts'
import { runtimeText } from '../render/machine.ts'
import { probeAs, rootlikeGroups } from './agent-user.ts'
import { compareRuntimes } from './shell-view.ts'

/** Codes of the daemon's problems that concern a runtime. */
const TOLD = ['runtime_missing', 'runtime_too_old', 'runtime_broken', 'not_logged_in', 'login_expired']

/** Checks all runtimes. @see checkRuntime */
export async function checkRuntimes(
  env: NodeJS.ProcessEnv,
  strict: boolean,
  daemon: DaemonStatus | undefined,
  agentUser: string | undefined,
) {
  const checks = Object.values(runtimes).map((runtime) =>
    agentUser === undefined
      ? checkRuntime(runtime, env, strict, daemon)
      : checkRuntimeAs(agentUser, runtime, env, daemon),
  )
  const ofUser = agentUser === undefined ? [] : rootlikeGroups(agentUser)
  return [...ofUser, ...(await Promise.all(checks)).flat()]
}

/**
 * Checks a runtime as the user that agents run as. Does not compare environments, because this shell has the
 * environment of another user.
 */
async function checkRuntimeAs(
  name: string,
  runtime: RuntimeAdapter,
  env: NodeJS.ProcessEnv,
  daemon: DaemonStatus | undefined,
): Promise<Finding[]> {
  // If the daemon has found no runtimes, another finding reports this.
  if (daemon) return findingsThere(runtime, daemon)
  const probed = probeAs(name, env)
  return 'finding' in probed ? [probed.finding] : judge(runtime, await runtime.probe(probed.options))
}

/** Returns findings about a runtime as the running daemon sees it. */
function findingsThere(runtime: RuntimeAdapter, { machine }: DaemonStatus): Finding[] {
  const there = machine.runtimes.find(({ name }) => name === runtime.name)
  const told = machine.problems.some(({ code }) => TOLD.includes(code))
  const found = there ? judge(runtime, there) : []
  return found
    .filter(({ level }) => !told || level === 'warning')
    .map((finding) => ({ ...finding, seen_by: 'daemon' }))
}

/**
 * Checks a runtime and its login, as the running daemon finds them. If no daemon runs, checks what a new
 * daemon would find.
 * @param env environment that an agent would inherit from this shell
 * @param strict do not run programs of other users
 */
async function checkRuntime(
  runtime: RuntimeAdapter,
  env: NodeJS.ProcessEnv,
  strict: boolean,
  daemon?: DaemonStatus,
): Promise<Finding[]> {
  const programs = runtime.find(env)
  const allowed = (path: string) => !strict || !isForeign(path)
  const here =
    programs.length > 0 && !programs.some(allowed) ? undefined : await runtime.probe({ env, allowed })
  const there = daemon?.machine.runtimes.find(({ name }) => name === runtime.name)
  if (!daemon || !there) {
    if (!here) return [leftAlone(runtime, programs[0]!)]
    const found = judge(runtime, here)
    return found[0]?.level === 'ok' ? [...found, ...checkConversations(runtime, env)] : found
  }
  return [
    ...findingsThere(runtime, daemon),
    ...(here ? compareRuntimes(runtime.title, there, here, daemon.environment, env) : []),
  ]
}

/** Reports whether a program belongs to another user: that user could change it, and so act as this user. */
const isForeign = (path: string) => faultsOf(path).some(({ kind }) => kind === 'owner')

const leftAlone = ({ name }: RuntimeAdapter, path: string): Finding => ({
  check: name,
  level: 'warning',
  message: `${path} belongs to another user, so its version and login were not checked.`,
  remedy: 'Run `fomular-daemon doctor` as that user. If you trust that user, set FOMULAR_STRICT_MODES=false.',
})

function judge({ name, title, loginRemedy }: RuntimeAdapter, runtime: Runtime): Finding[] {
  const { found, problem, login, passed_over = [] } = runtime
  const finding = (level: Finding['level'], message: string, remedy?: string): Finding[] => [
    { check: name, level, message, ...(remedy !== undefined && { remedy }) },
  ]
  if (!found) return finding('error', `${title} was not found.`, problem)
  if (problem !== undefined) return finding('error', problem)
  const text = runtimeText(runtime)
  if (login === 'logged_out' || login === 'expired') return finding('error', text, loginRemedy)
  if (login === 'unknown')
    return finding('warning', text, `The program does not report whether it is logged in. ${loginRemedy}`)
  return [
    ...finding('ok', text),
    ...passed_over.flatMap((other) =>
      finding(
        'warning',
        `${other.path} comes first on PATH, but cannot be used: ${other.problem}`,
        'Repair or remove this program. Until then, agents use the program above.',
      ),
    ),
  ]
}

/**
 * Checks that conversations can be kept. This check is needed because the program may report a failure only
 * when a conversation is resumed.
 */
function checkConversations(
  { name, variables, ...runtime }: RuntimeAdapter,
  env: NodeJS.ProcessEnv,
): Finding[] {
  const folder = runtime.folder({ ...env, HOME: homeOf(env) })
  if (isWritable(existing(folder))) return []
  return [
    {
      check: name,
      level: 'warning',
      message: `${folder} cannot be written to: conversations are not kept, and ended agents cannot be resumed.`,
      remedy: `Make this folder writable for the user of the daemon, or set ${variables.folder} to a writable folder.`,
    },
  ]
}

/** Returns the folder, or the nearest folder above it that exists. */
const existing = (path: string): string => (existsSync(path) ? path : existing(dirname(path)))
