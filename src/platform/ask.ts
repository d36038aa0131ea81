import { execFile } from 'node:child_process'
import { sleep } from './clock.ts'

/** From the end of a program that was killed to the next try. */
const AGAIN_MS = 50

export interface Answer {
  /** Whether the program exited with code 0. */
  ok: boolean
  stdout: string
}

/**
 * What a program prints. systemd stops a unit in rounds, until no new process turns up: a program that is started then
 * may get SIGTERM before it has answered, and is asked again. Never throws.
 * @param timeout milliseconds for all tries together; what has not answered by then gets SIGKILL
 */
export async function ask(
  file: string,
  args: readonly string[],
  { env = process.env, timeout }: { env?: NodeJS.ProcessEnv; timeout: number },
): Promise<Answer> {
  const end = performance.now() + timeout
  for (;;) {
    const { signal, ...answer } = await run(file, args, env, Math.max(1, end - performance.now()))
    if (signal !== 'SIGTERM' || performance.now() + AGAIN_MS >= end) return answer
    await sleep(AGAIN_MS)
  }
}

const run = (file: string, args: readonly string[], env: NodeJS.ProcessEnv, timeout: number) =>
  new Promise<Answer & { signal: string | undefined }>((resolve) => {
    const options = { env, timeout: Math.ceil(timeout), killSignal: 'SIGKILL' } as const
    execFile(file, [...args], options, (error, stdout) =>
      resolve({ ok: !error, stdout, signal: error?.signal ?? undefined }),
    )
  })
