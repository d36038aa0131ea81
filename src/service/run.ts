import { systemCode, UserError } from '../platform/errors.ts'

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

/**
 * Runs a program of the system. It never fails: see its code.
 * @param detached without this terminal: what another user has it run could type there, in this user's name
 */
export async function run(
  argv: string[],
  env: NodeJS.ProcessEnv = process.env,
  { detached = false, timeoutMs = RUN_MS } = {},
): Promise<Ran> {
  const { execa } = await import('execa')
  const [file, ...args] = argv as [string, ...string[]]
  const ran = await execa(file, args, {
    env,
    extendEnv: false,
    stdin: 'ignore',
    detached,
    reject: false,
    timeout: timeoutMs,
    maxBuffer: OUTPUT_BYTES,
    ...(timeoutMs < RUN_MS && { killSignal: 'SIGKILL' as const }),
  })
  return {
    code: ran.exitCode ?? (systemCode(ran.cause) === 'ENOENT' ? 127 : 1),
    stdout: String(ran.stdout ?? ''),
    stderr: String(ran.stderr ?? '') || (ran.shortMessage ?? ''),
  }
}

/** Asks a program of the system for something. One that does not answer within seconds is ended, and has failed. */
export const ask = (argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> =>
  run(argv, env, { timeoutMs: ASK_MS })

/** Runs a program in the place of this one: with its terminal. @returns its exit code */
export async function runInPlace(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const { execa } = await import('execa')
  const [file, ...args] = argv as [string, ...string[]]
  const ran = await execa(file, args, { env, extendEnv: false, stdio: 'inherit', reject: false })
  if (systemCode(ran.cause) === 'ENOENT')
    throw new UserError('program_missing', `${file} is not installed.`, { exitCode: 4 })
  return ran.exitCode ?? 1
}
