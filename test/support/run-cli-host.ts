import { fork } from 'node:child_process'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Ran } from './cli-host.ts'

/** Runs commands in a separate process. */
export function cliHost(t: TestContext, env: Record<string, string>) {
  const path = fileURLToPath(new URL('./cli-host.ts', import.meta.url))
  const child = fork(path, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  t.after(() => void child.kill('SIGKILL'))
  return (...args: string[]) =>
    new Promise<Ran>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the command did not end: ${args.join(' ')}`)), 30_000)
      child.once('message', (ran: Ran) => {
        clearTimeout(late)
        resolve(ran)
      })
      child.send(args)
    })
}
