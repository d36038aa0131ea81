import { programOutput } from './program-output.ts'

/**
 * Maximum wait for systemd's answer, in ms: the process that stops this one does not wait forever. A machine that goes
 * down is busy, and without an answer, its agents would not come back after a reboot.
 */
const ANSWER_MS = 10_000

/** Reports whether the machine is being shut down or rebooted, as far as systemd knows. */
export async function isMachineGoingDown(): Promise<boolean> {
  // The exit code only says whether all is well.
  const { stdout } = await programOutput('systemctl', ['is-system-running'], { timeout: ANSWER_MS })
  return stdout.trim() === 'stopping'
}
