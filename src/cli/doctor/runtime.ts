import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findClaude } from '../../agents/runtimes/claude/find.ts'
import { probe } from '../../agents/runtimes/claude/probe.ts'
import { homeOf } from '../../config/home.ts'
import { faultsOf } from '../../platform/ours.ts'
import type { Runtime } from '../../protocol/index.ts'
import { isWritable } from '../../update/layout.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import type { Finding } from '../render/finding.ts'
import { runtimeText } from '../render/machine.ts'
import { compareRuntimes } from './shell-view.ts'

const LOG_IN = 'Run `claude` on this machine and use /login, or set ANTHROPIC_API_KEY for the daemon.'
/** What the daemon's problems say of a runtime. */
const TOLD = ['runtime_missing', 'runtime_too_old', 'runtime_broken', 'not_logged_in', 'login_expired']

/**
 * Claude Code and its login. Those that the daemon sees are what counts; without one, those that it would find.
 * @param env what an agent would inherit of this shell
 * @param strict run no program of another user
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

/** Whether another user has made a program, who would act as this one by it. */
const isForeign = (path: string) => faultsOf(path).some(({ kind }) => kind === 'owner')

const leftAlone = (path: string): Finding => ({
  check: 'claude',
  level: 'warning',
  message: `${path} is another user's, and was not asked for its version and login.`,
  remedy:
    'Run `fomular-daemon doctor` as that user; or, if you trust that user, with FOMULAR_STRICT_MODES=false.',
})

function judge(runtime: Runtime): Finding[] {
  const { found, problem, login, passed_over = [] } = runtime
  const finding = (level: Finding['level'], message: string, remedy?: string): Finding[] => [
    { check: 'claude', level, message, ...(remedy !== undefined && { remedy }) },
  ]
  if (!found) return finding('error', 'Claude Code is not to be found.', problem)
  if (problem !== undefined) return finding('error', problem)
  const text = runtimeText(runtime)
  if (login === 'logged_out' || login === 'expired') return finding('error', text, LOG_IN)
  if (login === 'unknown')
    return finding('warning', text, `It does not say whether somebody is logged in. ${LOG_IN}`)
  return [
    ...finding('ok', text),
    ...passed_over.flatMap((other) =>
      finding(
        'warning',
        `${other.path} comes first and cannot be used: ${other.problem}`,
        'Repair or remove it. Until then, agents use the one above.',
      ),
    ),
  ]
}

/** Claude Code says nothing where it cannot keep a conversation, until that is to be resumed. */
function checkConversations(env: NodeJS.ProcessEnv): Finding[] {
  const folder = env.CLAUDE_CONFIG_DIR || join(homeOf(env), '.claude')
  if (isWritable(existing(folder))) return []
  return [
    {
      check: 'claude',
      level: 'warning',
      message: `${folder} cannot be written to: conversations are not kept, and agents that have ended cannot be resumed.`,
      remedy: 'Make it writable for the user of the daemon, or set CLAUDE_CONFIG_DIR to a folder that is.',
    },
  ]
}

/** The folder itself, or the one above in which it would be made. */
const existing = (path: string): string => (existsSync(path) ? path : existing(dirname(path)))
