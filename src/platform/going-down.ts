import { execFile } from 'node:child_process'

/** An answer that takes longer is none: whoever stops this process does not wait for ever. */
const ANSWER_MS = 2000

/** Whether the whole machine is being shut down or rebooted, as far as systemd, where there is one, knows. */
export const isMachineGoingDown = (): Promise<boolean> =>
  new Promise((resolve) => {
    // Its exit code says no more than whether all is well.
    execFile(
      'systemctl',
      ['is-system-running'],
      { timeout: ANSWER_MS, killSignal: 'SIGKILL' },
      (_error, stdout) => resolve(stdout.trim() === 'stopping'),
    )
  })
