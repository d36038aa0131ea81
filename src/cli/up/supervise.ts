import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { type Invocation, startNow } from '../../daemon/relaunch.ts'
import { signalsTo } from '../../platform/early-signal.ts'
import { SUPERVISED } from '../../service/plan.ts'
import { EXIT } from '../exit-codes.ts'

/** Two starts of a version on trial, and one of the version before it. */
const MOST_FAILURES = 3

export const isSupervisedAlready = (env: NodeJS.ProcessEnv) => env[SUPERVISED] === '1'

/**
 * Starts this program anew, from what is installed now, and stays in the foreground in its place: hands signals on to
 * it, and starts it again as often as it asks for that.
 * @param unsettled whether one that ends now, whatever its exit code, is a version on trial that has failed
 * @returns its exit code
 */
export async function superviseAgain(invocation: Invocation, unsettled: () => boolean): Promise<number> {
  // Those of the daemon that was here: signals are for the next one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeAllListeners(signal)
  for (let failed = 0; ; ) {
    const { command, env, cwd } = startNow(invocation)
    const [file, ...args] = command
    const child = spawn(file, args, {
      cwd,
      env: { ...env, [SUPERVISED]: '1' },
      stdio: 'inherit',
      // Else Ctrl-C would reach it twice, from the terminal and from here: that means to hurry.
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
