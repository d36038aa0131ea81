import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findClaude } from '../../agents/runtimes/claude/find.ts'
import { LOGIN_REMEDY } from '../../agents/runtimes/claude/login-remedy.ts'
import { probe } from '../../agents/runtimes/claude/probe.ts'
import { homeOf } from '../../config/home.ts'
import { faultsOf } from '../../platform/ownership.ts'
import type { Runtime } from '../../protocol/index.ts'
import { isWritable } from '../../update/switch/layout.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import type { Finding } from '../render/finding.ts'
import { runtimeText } from '../render/machine.ts'
import { compareRuntimes } from './shell-view.ts'

/** Codes of the daemon's problems that concern a runtime. */
const TOLD = ['runtime_missing', 'runtime_too_old', 'runtime_broken', 'not_logged_in', 'login_expired']

/**
 * Checks Claude Code and its login, as the running daemon finds them, or as a daemon started here would.
 * @param env environment that an agent would inherit from this shell
 * @param strict do not run programs of other users
 */
export async function checkRuntime(
  env: NodeJS.ProcessEnv,
  strict: boolean,
  daemon?: DaemonStatus,
): Promise<Finding[]> {
  const programs = findClaude(env)
  const allowed = (path: string) => !strict || !isForeign(path)
  const here = programs.length > 0 && !programs.some(allowed) ? undefined : await probe({ env, allowed })
  const there = daemon?.machine.runtimes.find(({ name }) => name === 'claude')
  if (!daemon || !there) {
    if (!here) return [leftAlone(programs[0]!)]
    const found = judge(here)
    return found[0]?.level === 'ok' ? [...found, ...checkConversations(env)] : found
  }
  const told = daemon.machine.problems.some(({ code }) => TOLD.includes(code))
  const found = judge(there).filter(({ level }) => !told || level === 'warning')
  return [
    ...found.map((finding): Finding => ({ ...finding, seen_by: 'daemon' })),
    ...(here ? compareRuntimes(there, here, daemon.environment, env) : []),
  ]
}

/** Reports whether a program belongs to another user, who could act as this user through it. */
const isForeign = (path: string) => faultsOf(path).some(({ kind }) => kind === 'owner')

const leftAlone = (path: string): Finding => ({
  check: 'claude',
  level: 'warning',
  message: `${path} belongs to another user, so its version and login were not checked.`,
  remedy: 'Run `fomular-daemon doctor` as that user. If you trust that user, set FOMULAR_STRICT_MODES=false.',
})

function judge(runtime: Runtime): Finding[] {
  const { found, problem, login, passed_over = [] } = runtime
  const finding = (level: Finding['level'], message: string, remedy?: string): Finding[] => [
    { check: 'claude', level, message, ...(remedy !== undefined && { remedy }) },
  ]
  if (!found) return finding('error', 'Claude Code was not found.', problem)
  if (problem !== undefined) return finding('error', problem)
  const text = runtimeText(runtime)
  if (login === 'logged_out' || login === 'expired') return finding('error', text, LOGIN_REMEDY)
  if (login === 'unknown')
    return finding('warning', text, `It does not report whether it is logged in. ${LOGIN_REMEDY}`)
  return [
    ...finding('ok', text),
    ...passed_over.flatMap((other) =>
      finding(
        'warning',
        `${other.path} comes first, but cannot be used: ${other.problem}`,
        'Repair or remove it. Until then, agents use the one above.',
      ),
    ),
  ]
}

/**
 * Checks that conversations can be kept: Claude Code does not report a failure until a conversation is
 * resumed.
 */
function checkConversations(env: NodeJS.ProcessEnv): Finding[] {
  const folder = env.CLAUDE_CONFIG_DIR || join(homeOf(env), '.claude')
  if (isWritable(existing(folder))) return []
  return [
    {
      check: 'claude',
      level: 'warning',
      message: `${folder} cannot be written to: conversations are not kept, and ended agents cannot be resumed.`,
      remedy: 'Make it writable for the user of the daemon, or set CLAUDE_CONFIG_DIR to a writable folder.',
    },
  ]
}

/** Returns the folder, or the nearest folder above it that exists. */
const existing = (path: string): string => (existsSync(path) ? path : existing(dirname(path)))
