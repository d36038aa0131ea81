import lt from 'semver/functions/lt.js'
import type { Runtime } from '../../../protocol/index.ts'
import { findClaude, isProgram } from './find.ts'

/** The oldest version that does all that is asked of it here: it tells its state, and echoes prompts with their ids. */
const MINIMUM = '2.1.197'
/** `--version` takes a tenth of a second; a machine under load may be a hundred times slower. */
const PROBE_MS = 15_000

const GET_IT =
  'Install it with `curl -fsSL https://claude.ai/install.sh | bash` or `npm install -g @anthropic-ai/claude-code`'

/** Looks for Claude Code, asks it for its version and whether somebody is logged in. */
export async function probe({ env }: { env: NodeJS.ProcessEnv }): Promise<Runtime> {
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

  const said = await ask(path, ['--version'], env)
  const [version] = /\d+\.\d+\.\d+\S*/.exec(said.out) ?? []
  if (!said.ok || !version)
    return {
      name,
      found: true,
      path,
      problem: `${path} --version ${said.ok ? 'names no version' : said.problem}: is it Claude Code? ${GET_IT}.`,
    }
  if (lt(version, MINIMUM))
    return {
      name,
      found: true,
      path,
      version,
      problem: `Claude Code ${version} is too old: at least ${MINIMUM} is needed. Run \`claude update\`.`,
    }
  return { name, found: true, path, version, login: await login(path, env) }
}

async function login(path: string, env: NodeJS.ProcessEnv): Promise<Runtime['login']> {
  const { out } = await ask(path, ['auth', 'status', '--json'], env)
  let status: { loggedIn?: unknown; loginExpiresAt?: unknown }
  try {
    status = JSON.parse(out)
  } catch {
    return 'unknown'
  }
  const { loggedIn, loginExpiresAt } = status ?? {}
  if (typeof loggedIn !== 'boolean') return 'unknown'
  const expires =
    typeof loginExpiresAt === 'number' || typeof loginExpiresAt === 'string'
      ? new Date(loginExpiresAt).getTime()
      : Number.NaN
  if (expires < Date.now()) return 'expired'
  return loggedIn ? 'logged_in' : 'logged_out'
}

async function ask(path: string, args: string[], env: NodeJS.ProcessEnv) {
  const { execa } = await import('execa')
  const { stdout, failed, timedOut, exitCode, shortMessage } = await execa(path, args, {
    env,
    extendEnv: false,
    stdin: 'ignore',
    timeout: PROBE_MS,
    reject: false,
    maxBuffer: 1024 * 1024,
    forceKillAfterDelay: 500,
  })
  const problem = timedOut
    ? `gave no answer within ${PROBE_MS / 1000} s`
    : exitCode === undefined
      ? `cannot be run (${shortMessage})`
      : `ended with code ${exitCode}`
  return { ok: !failed, out: stdout ?? '', problem }
}
