import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { type Invocation, startNow } from '../../daemon/relaunch.ts'
import { signalsTo } from '../../platform/early-signal.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { SUPERVISED } from '../../service/plan.ts'

/**
 * Maximum number of failures in a row: two starts of a version on trial, and one start of the previous
 * version.
 */
const MOST_FAILURES = 3

export const isSupervisedAlready = (env: NodeJS.ProcessEnv) => env[SUPERVISED] === '1'

/**
 * Starts this program again from the current installation, and supervises it in the foreground. Forwards
 * signals to the program. Starts it again when its exit code asks for a restart.
 * @param unsettled reports whether an update is on trial: only then, a failed program is started again
 * @returns the exit code of the program
 */
export async function superviseAgain(invocation: Invocation, unsettled: () => boolean): Promise<number> {
  // Remove the handlers of the previous daemon: signals now go to the next daemon.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeAllListeners(signal)
  for (let failed = 0; ; ) {
    const { command, env, cwd } = startNow(invocation)
    const [file, ...args] = command
    const child = spawn(file, args, {
      cwd,
      env: { ...env, [SUPERVISED]: '1' },
      stdio: 'inherit',
      // Without this option, Ctrl-C would reach the child twice, from the terminal and from this process. The
      // child would then stop faster, and less gracefully.
      detached: true,
    })
    const forward = signalsTo(child)
    process.on('SIGINT', forward).on('SIGTERM', forward)
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (status, signal) =>
        resolve(status ?? 128 + (signal ? constants.signals[signal] : 0)),
      )
    })
    process.off('SIGINT', forward).off('SIGTERM', forward)
    if (code === EXIT.restart) failed = 0
    else if (code === EXIT.ok || !unsettled() || ++failed > MOST_FAILURES) return code
  }
}
