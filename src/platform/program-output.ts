import { execFile } from 'node:child_process'
import { sleep } from './clock.ts'
import { trustedEnvironment } from './trusted-path.ts'

/** Delay between the end of a killed program and the next try, in ms. */
const AGAIN_MS = 50

export interface ProgramOutput {
  /** True if the program exited with code 0. */
  ok: boolean
  stdout: string
}

/**
 * Runs a program of the system, such as systemctl, and returns its output. While systemd stops a unit, it also
 * sends SIGTERM to new processes of the unit. For that reason, a program that was ended by SIGTERM is run again.
 * Never throws.
 * @param timeout milliseconds for all tries together; a program that is still running then gets SIGKILL
 */
export async function programOutput(
  file: string,
  args: readonly string[],
  { env = process.env, timeout }: { env?: NodeJS.ProcessEnv; timeout: number },
): Promise<ProgramOutput> {
  const end = performance.now() + timeout
  for (;;) {
    const { signal, ...answer } = await run(
      file,
      args,
      trustedEnvironment(env),
      Math.max(1, end - performance.now()),
    )
    if (signal !== 'SIGTERM' || performance.now() + AGAIN_MS >= end) return answer
    await sleep(AGAIN_MS)
  }
}

const run = (file: string, args: readonly string[], env: NodeJS.ProcessEnv, timeout: number) =>
  new Promise<ProgramOutput & { signal: string | undefined }>((resolve) => {
    const options = { env, timeout: Math.ceil(timeout), killSignal: 'SIGKILL' } as const
    execFile(file, [...args], options, (error, stdout) =>
      resolve({ ok: !error, stdout, signal: error?.signal ?? undefined }),
    )
  })
