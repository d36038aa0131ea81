import { execFile } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import lt from 'semver/functions/lt.js'
import { isProgram } from '../../../platform/on-path.ts'
import { boundedJson } from '../../../protocol/bounded-json.ts'
import type { Runtime } from '../../../protocol/index.ts'
import { shorten } from '../../../protocol/shorten.ts'
import type { ProbeOptions } from '../program.ts'
import { findClaude } from './find.ts'

const NAME = 'claude'

/** Oldest version known to accept all arguments and to report prompt states. Version 2.1.197 does not. */
export const MINIMUM = '2.1.260'
/** Maximum run time of a query, in ms. `--version` takes 0.1 s, but may take 100 times longer on a loaded machine. */
const PROBE_MS = 15_000

const GET_IT =
  'Install it with `curl -fsSL https://claude.ai/install.sh | bash` or `npm install -g @anthropic-ai/claude-code`'
/** Errors and signals that indicate a shortage of processes, memory or open files. */
const SHORTAGE = /^(EAGAIN|ENOMEM|EMFILE|ENFILE|SIGABRT|SIGKILL|SIGTRAP)$/
const RAISE_LIMITS =
  'Check the limits on processes and memory (`ulimit -a`, or TasksMax= and MemoryMax= of the unit) and raise them'

/**
 * Finds Claude Code and queries its version and login. Returns the first usable program. If no program is
 * usable, returns the first program with its problem.
 */
export async function probe({
  env,
  command = [],
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
      problem: `FOMULAR_CLAUDE_PATH is ${first}, which is not a program. Correct or unset this variable.`,
    }
  const examine = (path: string) => examined(path, (args) => run([...command, path, ...args], env, timeoutMs))
  const preferred = await examine(first)
  if (!preferred.wrong) return preferred.runtime
  // Do not try other programs if resources are short, because the shortage would affect them, too.
  if (!preferred.shortage)
    for (const path of others) {
      const { runtime, wrong } = await examine(path)
      if (!wrong) return { ...runtime, passed_over: [{ path: first, problem: preferred.runtime.problem! }] }
    }
  return preferred.runtime
}

interface Examined {
  runtime: Runtime
  /** True if the program is unusable. */
  wrong: boolean
  shortage: boolean
}

async function examined(path: string, ask: (args: string[]) => Promise<Answer>): Promise<Examined> {
  const said = await ask(['--version'])
  const wrong = (problem: string, version?: string): Examined => ({
    runtime: { name: NAME, found: true, path, ...(version !== undefined && { version }), problem },
    wrong: true,
    shortage: said.shortage === true,
  })
  const version = versionIn(said.out)
  if (said.problem || !version) {
    const why = said.problem ?? 'does not identify itself as Claude Code'
    return wrong(`${path} --version ${why}. ${said.shortage ? RAISE_LIMITS : GET_IT}.`)
  }
  if (lt(version, MINIMUM))
    return wrong(
      // With an older Node.js, npm silently installs the newest version of Claude Code that supports this
      // Node.js.
      `Claude Code ${version} is too old; version ${MINIMUM} or newer is required. Run \`claude update\`; with npm, use Node.js 22 or newer.`,
      version,
    )
  const login = loginIn((await ask(['auth', 'status', '--json'])).out)
  return { runtime: { name: NAME, found: true, path, version, login }, wrong: false, shortage: false }
}

/**
 * Finds the version in a program's output. A wrapper, such as a version manager, may print text before the
 * version.
 */
const versionIn = (text: string): string | undefined =>
  [...stripVTControlCharacters(text).matchAll(/(?:^|\s)(\d+\.\d+\.\d+\S*) \(Claude Code\)\s*$/gm)].at(-1)?.[1]

/**
 * Returns the login from the output of `auth status`, which also covers keys and tokens in the environment,
 * and other providers. `auth status` exits with 1 if no account is logged in.
 */
function loginIn(status: string): Runtime['login'] {
  // A wrapper may print text before the JSON. Searching the output with a single regular expression would
  // take quadratic time.
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
  /** Reason why the program gave no answer, or no reliable answer. */
  problem?: string
  /** True if the cause is probably not the program, but a limit of the machine or of the user. */
  shortage?: boolean
}

function cannotRun(why: string): Answer {
  return { out: '', problem: `cannot be run (${why})`, shortage: SHORTAGE.test(why) }
}

const WORDS_CHARS = 300

/** Returns the last line of a program's output, in parentheses. */
function lastLine(said: string): string {
  const line = stripVTControlCharacters(said).trim().split('\n').at(-1)?.trim() ?? ''
  return line === '' ? '' : ` (${shorten(line, WORDS_CHARS)})`
}

function run([file, ...args]: string[], env: NodeJS.ProcessEnv, timeoutMs: number): Promise<Answer> {
  return new Promise<Answer>((resolve) => {
    const options = { env, timeout: timeoutMs, killSignal: 'SIGKILL' as const, encoding: 'utf8' as const }
    const child = execFile(file!, args, options, (error, out, err) => {
      if (!error) resolve({ out })
      else if (error.killed) resolve({ out, problem: `did not answer within ${timeoutMs / 1000} s` })
      else if (typeof error.code === 'number')
        resolve({ out, problem: `exited with code ${error.code}${lastLine(err)}` })
      else resolve(cannotRun(String(error.signal ?? error.code ?? error.message)))
    })
    // The program may exit before its input is closed. This is not an error.
    child.stdin?.end()
    child.stdin?.on('error', () => {})
  }).catch((error) => cannotRun(String(error.code ?? error.message)))
}
