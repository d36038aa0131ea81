import { systemCode, UserError } from '../platform/errors.ts'

/** Starting a service waits until it has started; stopping one, until its agents have ended. */
const RUN_MS = 20 * 60_000

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
  { detached = false } = {},
): Promise<Ran> {
  const { execa } = await import('execa')
  const [file, ...args] = argv as [string, ...string[]]
  const ran = await execa(file, args, {
    env,
    extendEnv: false,
    stdin: 'ignore',
    detached,
    reject: false,
    timeout: RUN_MS,
  })
  return {
    code: ran.exitCode ?? (systemCode(ran.cause) === 'ENOENT' ? 127 : 1),
    stdout: String(ran.stdout ?? ''),
    stderr: String(ran.stderr ?? '') || (ran.shortMessage ?? ''),
  }
}

/** Runs a program in the place of this one: with its terminal. @returns its exit code */
export async function runInPlace(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const { execa } = await import('execa')
  const [file, ...args] = argv as [string, ...string[]]
  const ran = await execa(file, args, { env, extendEnv: false, stdio: 'inherit', reject: false })
  if (systemCode(ran.cause) === 'ENOENT')
    throw new UserError('program_missing', `${file} is not installed.`, { exitCode: 4 })
  return ran.exitCode ?? 1
}
