import { execFile } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import lt from 'semver/functions/lt.js'
import { boundedJson } from '../../../protocol/bounded-json.ts'
import type { Runtime } from '../../../protocol/index.ts'
import { findClaude, isProgram } from './find.ts'

const NAME = 'claude'

/** The oldest version seen to take all arguments and to tell what becomes of a prompt; 2.1.197 does neither. */
export const MINIMUM = '2.1.260'
/** `--version` takes a tenth of a second; a machine under load may be a hundred times slower. */
const PROBE_MS = 15_000

const GET_IT =
  'Install it with `curl -fsSL https://claude.ai/install.sh | bash` or `npm install -g @anthropic-ai/claude-code`'
/** What a shortage of processes, memory or open files does to a program: the system refuses it, or it is ended. */
const SHORTAGE = /^(EAGAIN|ENOMEM|EMFILE|ENFILE|SIGABRT|SIGKILL|SIGTRAP)$/
const RAISE_LIMITS =
  'Check the limits on processes and memory (`ulimit -a`, or TasksMax= and MemoryMax= of the unit) and raise them'

export interface ProbeOptions {
  env: NodeJS.ProcessEnv
  /** For each question. */
  timeoutMs?: number
  /** Whether a program may be run. By default, all may. */
  allowed?: (path: string) => boolean
}

/**
 * Looks for Claude Code, asks it for its version and whether somebody is logged in. Of several programs the first that can
 * be used; where none can, the first.
 */
export async function probe({
  env,
  timeoutMs = PROBE_MS,
  allowed = () => true,
}: ProbeOptions): Promise<Runtime> {
  const [first, ...others] = findClaude(env).filter(allowed)
  if (first === undefined)
    return {
      name: NAME,
      found: false,
      problem: `Claude Code is not on this machine. ${GET_IT}, or set FOMULAR_CLAUDE_PATH.`,
    }
  if (!isProgram(first))
    return {
      name: NAME,
      found: false,
      path: first,
      problem: `FOMULAR_CLAUDE_PATH is ${first}, which is not a program. Correct it, or unset it.`,
    }
  const preferred = await examine(first, env, timeoutMs)
  if (!preferred.wrong) return preferred.runtime
  // A shortage would be the others' as well, and is no reason for another version.
  if (!preferred.shortage)
    for (const path of others) {
      const { runtime, wrong } = await examine(path, env, timeoutMs)
      if (!wrong) return { ...runtime, passed_over: [{ path: first, problem: preferred.runtime.problem! }] }
    }
  return preferred.runtime
}

interface Examined {
  runtime: Runtime
  /** It cannot be used. */
  wrong: boolean
  shortage: boolean
}

async function examine(path: string, env: NodeJS.ProcessEnv, timeoutMs: number): Promise<Examined> {
  const ask = (args: string[]) => run(path, args, env, timeoutMs)
  const said = await ask(['--version'])
  const wrong = (problem: string, version?: string): Examined => ({
    runtime: { name: NAME, found: true, path, ...(version !== undefined && { version }), problem },
    wrong: true,
    shortage: said.shortage === true,
  })
  const version = versionIn(said.out)
  if (said.problem || !version) {
    const why = said.problem ?? 'does not say that it is Claude Code'
    return wrong(`${path} --version ${why}. ${said.shortage ? RAISE_LIMITS : GET_IT}.`)
  }
  if (lt(version, MINIMUM))
    return wrong(
      // npm on an older Node.js installs the newest version that still ran there, without a word.
      `Claude Code ${version} is too old: at least ${MINIMUM} is needed. Run \`claude update\`; with npm, use Node.js 22 or newer.`,
      version,
    )
  const login = loginIn((await ask(['auth', 'status', '--json'])).out)
  return { runtime: { name: NAME, found: true, path, version, login }, wrong: false, shortage: false }
}

/** A wrapper, such as a version manager's, may say something before the program does, with or without a line's end. */
const versionIn = (text: string): string | undefined =>
  [...stripVTControlCharacters(text).matchAll(/(?:^|\s)(\d+\.\d+\.\d+\S*) \(Claude Code\)\s*$/gm)].at(-1)?.[1]

/** It knows of keys and tokens in the environment, too, and of other providers. It exits 1 when nobody is logged in. */
function loginIn(status: string): Runtime['login'] {
  // A wrapper may have said something here, too. No single expression: its time would grow with the square of the text.
  const said = boundedJson(status.slice(Math.max(0, status.search(/\{\s*"/)), status.lastIndexOf('}') + 1)) as
    | { loggedIn?: unknown; loginExpiresAt?: unknown }
    | null
    | undefined
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

const WORDS_CHARS = 300

/** What a program said last, to be put behind how it ended. */
function lastLine(said: string): string {
  const line = stripVTControlCharacters(said).trim().split('\n').at(-1)?.trim() ?? ''
  return line === '' ? '' : ` (${line.slice(0, WORDS_CHARS)})`
}

function run(path: string, args: string[], env: NodeJS.ProcessEnv, timeoutMs: number): Promise<Answer> {
  return new Promise<Answer>((resolve) => {
    const options = { env, timeout: timeoutMs, killSignal: 'SIGKILL' as const, encoding: 'utf8' as const }
    const child = execFile(path, args, options, (error, out, err) => {
      if (!error) resolve({ out })
      else if (error.killed) resolve({ out, problem: `gave no answer within ${timeoutMs / 1000} s` })
      else if (typeof error.code === 'number')
        resolve({ out, problem: `ended with code ${error.code}${lastLine(err)}` })
      else resolve(cannotRun(String(error.signal ?? error.code ?? error.message)))
    })
    // A program that ends before this is done is no failure.
    child.stdin?.end()
    child.stdin?.on('error', () => {})
  }).catch((error) => cannotRun(String(error.code ?? error.message)))
}
