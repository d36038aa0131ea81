import { systemCode, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { shellWord } from '../platform/shell-word.ts'

/** Maximum run time of a command that changes something, in ms: stopping a service waits for its agents to end. */
const RUN_MS = 20 * 60_000
/** Maximum run time of a query, in ms. Programs normally answer queries at once. */
const ASK_MS = 10_000
const OUTPUT_BYTES = 16 * 1024 * 1024

export interface Ran {
  /** Exit code; 127 if the program does not exist. */
  code: number
  stdout: string
  stderr: string
}

const QUIETLY = { extendEnv: false, stdin: 'ignore', reject: false, maxBuffer: OUTPUT_BYTES } as const

/** Runs a system program that changes something. Never throws: check the exit code. */
export async function run(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> {
  const { execa } = await import('execa')
  const [file, ...args] = argv as [string, ...string[]]
  return ranOf(await execa(file, args, { ...QUIETLY, env, timeout: RUN_MS }))
}

/** Queries a system program. After 10 s the program is killed, and the query counts as failed. Never throws. */
export async function query(argv: string[], env?: NodeJS.ProcessEnv): Promise<Ran> {
  return (await lookUp(argv, env)).ran
}

/**
 * Queries a system program for a decision that requires an answer.
 * @throws UserError if the program does not answer in time
 */
export async function queryOrFail(argv: string[], env?: NodeJS.ProcessEnv, asking?: Asking): Promise<Ran> {
  const { ran, late } = await lookUp(argv, env, asking)
  if (!late) return ran
  throw new UserError('no_answer', `${argv[0]} did not answer in time.`, {
    remedy: `Run this to see why, then try again: ${argv.map(shellWord).join(' ')}`,
    exitCode: EXIT.refused,
  })
}

interface Asking {
  /**
   * True to run the program without this terminal. A program that another user has chosen could inject input
   * into the terminal.
   */
  detached?: boolean
  timeoutMs?: number
}

async function lookUp(
  argv: string[],
  env: NodeJS.ProcessEnv = process.env,
  { detached = false, timeoutMs = ASK_MS }: Asking = {},
): Promise<{ ran: Ran; late: boolean }> {
  const { execa } = await import('execa')
  const [file, ...args] = argv as [string, ...string[]]
  const child = execa(file, args, { ...QUIETLY, env, detached })
  let late = false
  const timer = setTimeout(() => {
    late = true
    if (detached && child.pid !== undefined) killGroup(child.pid)
    child.kill('SIGKILL')
    // A descendant that is still running may keep the pipes open.
    child.stdout.destroy()
    child.stderr.destroy()
  }, timeoutMs)
  const ran = ranOf(await child)
  clearTimeout(timer)
  return { ran, late }
}

function killGroup(leader: number) {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // The group has already ended.
  }
}

interface Ended {
  exitCode?: number
  cause?: unknown
  stdout?: unknown
  stderr?: unknown
  shortMessage?: string
}

const ranOf = ({ exitCode, cause, stdout, stderr, shortMessage }: Ended): Ran => ({
  code: exitCode ?? (systemCode(cause) === 'ENOENT' ? 127 : 1),
  stdout: String(stdout ?? ''),
  stderr: String(stderr ?? '') || (shortMessage ?? ''),
})

/** Runs a program with this program's terminal. @returns its exit code */
export async function runInPlace(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const { execa } = await import('execa')
  const [file, ...args] = argv as [string, ...string[]]
  const ran = await execa(file, args, { env, extendEnv: false, stdio: 'inherit', reject: false })
  if (systemCode(ran.cause) === 'ENOENT')
    throw new UserError('program_missing', `${file} is not installed.`, { exitCode: EXIT.refused })
  return ran.exitCode ?? 1
}
