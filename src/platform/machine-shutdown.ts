import { programOutput } from './program-output.ts'

/**
 * Maximum wait for systemd's answer, in ms. The wait is limited because the process that stops this one does
 * not wait forever. The wait is long because a machine that shuts down is busy, and systemd may answer late.
 * Without the answer, the agents would not start again after the reboot.
 */
const ANSWER_MS = 10_000

/** Reports whether the machine is being shut down or rebooted, as far as systemd knows. */
export async function isMachineGoingDown(): Promise<boolean> {
  // The exit code shows only whether the system runs without problems, so read the output.
  const { stdout } = await programOutput('systemctl', ['is-system-running'], { timeout: ANSWER_MS })
  return stdout.trim() === 'stopping'
}
