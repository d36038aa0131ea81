import { systemCode, UserError } from '../platform/errors.ts'
import { shellWord } from '../platform/shell-word.ts'

/** Starting a service waits until it has started; stopping one, until its agents have ended. */
const RUN_MS = 20 * 60_000
/** A look at what there is answers at once, or its manager is in trouble. */
const ASK_MS = 10_000
const OUTPUT_BYTES = 16 * 1024 * 1024

export interface Ran {
  /** Exit code; 127 where there is no such program. */
  code: number
  stdout: string
  stderr: string
}

const QUIETLY = { extendEnv: false, stdin: 'ignore', reject: false, maxBuffer: OUTPUT_BYTES } as const

/** Runs a program of the system that changes something. It never fails: see its code. */
export async function run(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> {
  const { execa } = await import('execa')
  const [file, ...args] = argv as [string, ...string[]]
  return ranOf(await execa(file, args, { ...QUIETLY, env, timeout: RUN_MS }))
}

/** Asks a program of the system for something. It fails, and is killed, if it does not answer within seconds. */
export async function ask(argv: string[], env?: NodeJS.ProcessEnv): Promise<Ran> {
  return (await lookUp(argv, env)).ran
}

/** Like `ask`, for decisions that need the answer. @throws UserError if none comes in time */
export async function answerTo(argv: string[], env?: NodeJS.ProcessEnv, asking?: Asking): Promise<Ran> {
  const { ran, late } = await lookUp(argv, env, asking)
  if (!late) return ran
  throw new UserError('no_answer', `${argv[0]} has not answered in time.`, {
    remedy: `See what it waits for, then try again: ${argv.map(shellWord).join(' ')}`,
    exitCode: 4,
  })
}

interface Asking {
  /** Without this terminal: a program that another user chooses could type there, in this user's name. */
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
    // A descendant that lives on may hold the other ends.
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
    // It has ended meanwhile.
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

/** Runs a program in the place of this one: with its terminal. @returns its exit code */
export async function runInPlace(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const { execa } = await import('execa')
  const [file, ...args] = argv as [string, ...string[]]
  const ran = await execa(file, args, { env, extendEnv: false, stdio: 'inherit', reject: false })
  if (systemCode(ran.cause) === 'ENOENT')
    throw new UserError('program_missing', `${file} is not installed.`, { exitCode: 4 })
  return ran.exitCode ?? 1
}
