import { execFile } from 'node:child_process'
import lt from 'semver/functions/lt.js'
import type { Runtime } from '../../../protocol/index.ts'
import { findClaude, isProgram } from './find.ts'

/** The oldest version seen to take all arguments and to tell what becomes of a prompt; 2.1.197 does neither. */
const MINIMUM = '2.1.260'
/** `--version` takes a tenth of a second; a machine under load may be a hundred times slower. */
const PROBE_MS = 15_000

const GET_IT =
  'Install it with `curl -fsSL https://claude.ai/install.sh | bash` or `npm install -g @anthropic-ai/claude-code`'
/** What a shortage of processes, memory or open files does to a program: the system refuses it, or it is ended. */
const SHORTAGE = /^(EAGAIN|ENOMEM|EMFILE|ENFILE|SIGABRT|SIGKILL|SIGTRAP)$/
const RAISE_LIMITS =
  'Check the limits on processes and memory (`ulimit -a`, or TasksMax= and MemoryMax= of the unit) and raise them'

/**
 * Looks for Claude Code, asks it for its version and whether somebody is logged in.
 * @param timeoutMs for each of the two questions
 */
export async function probe({
  env,
  timeoutMs = PROBE_MS,
}: {
  env: NodeJS.ProcessEnv
  timeoutMs?: number
}): Promise<Runtime> {
  const path = findClaude(env)
  const name = 'claude'
  if (path === undefined)
    return {
      name,
      found: false,
      problem: `Claude Code is not on this machine. ${GET_IT}, or set FOMULAR_CLAUDE_PATH.`,
    }
  if (!isProgram(path))
    return {
      name,
      found: false,
      path,
      problem: `FOMULAR_CLAUDE_PATH is ${path}, which is not a program. Correct it, or unset it.`,
    }

  const ask = (args: string[]) => run(path, args, env, timeoutMs)
  const said = await ask(['--version'])
  const version = /^(\d+\.\d+\.\d+\S*) \(Claude Code\)/.exec(said.out)?.[1]
  if (said.problem || !version)
    return {
      name,
      found: true,
      path,
      problem: `${path} --version ${said.problem ?? 'does not say that it is Claude Code'}. ${said.shortage ? RAISE_LIMITS : GET_IT}.`,
    }
  if (lt(version, MINIMUM))
    return {
      name,
      found: true,
      path,
      version,
      // npm on an older Node.js installs the newest version that still ran there, without a word.
      problem: `Claude Code ${version} is too old: at least ${MINIMUM} is needed. Run \`claude update\`; with npm, use Node.js 22 or newer.`,
    }
  return { name, found: true, path, version, login: loginIn((await ask(['auth', 'status', '--json'])).out) }
}

/** It knows of keys and tokens in the environment, too, and of other providers. It exits 1 when nobody is logged in. */
function loginIn(status: string): Runtime['login'] {
  let said: { loggedIn?: unknown; loginExpiresAt?: unknown } | null
  try {
    said = JSON.parse(status)
  } catch {
    return 'unknown'
  }
  const { loggedIn, loginExpiresAt: at } = said ?? {}
  if (typeof loggedIn !== 'boolean') return 'unknown'
  const expires = typeof at === 'number' || typeof at === 'string' ? new Date(at).getTime() : Number.NaN
  if (expires < Date.now()) return 'expired'
  return loggedIn ? 'logged_in' : 'logged_out'
}

interface Answer {
  out: string
  /** Why there is none, or none to be trusted. */
  problem?: string
  /** Whether a limit of the machine or the user, rather than the program, is the likely cause. */
  shortage?: boolean
}

function cannotRun(why: string): Answer {
  return { out: '', problem: `cannot be run (${why})`, shortage: SHORTAGE.test(why) }
}

function run(path: string, args: string[], env: NodeJS.ProcessEnv, timeoutMs: number): Promise<Answer> {
  return new Promise<Answer>((resolve) => {
    const options = { env, timeout: timeoutMs, killSignal: 'SIGKILL' as const, encoding: 'utf8' as const }
    const child = execFile(path, args, options, (error, out) => {
      if (!error) resolve({ out })
      else if (error.killed) resolve({ out, problem: `gave no answer within ${timeoutMs / 1000} s` })
      else if (typeof error.code === 'number') resolve({ out, problem: `ended with code ${error.code}` })
      else resolve(cannotRun(String(error.signal ?? error.code ?? error.message)))
    })
    // A program that ends before this is done is no failure.
    child.stdin?.end()
    child.stdin?.on('error', () => {})
  }).catch((error) => cannotRun(String(error.code ?? error.message)))
}
