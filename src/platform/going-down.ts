import { ask } from './ask.ts'

/** An answer that takes longer is none: whoever stops this process does not wait for ever. */
const ANSWER_MS = 2000

/** Whether the whole machine is being shut down or rebooted, as far as systemd, where there is one, knows. */
export async function isMachineGoingDown(): Promise<boolean> {
  // Its exit code says no more than whether all is well.
  const { stdout } = await ask('systemctl', ['is-system-running'], { timeout: ANSWER_MS })
  return stdout.trim() === 'stopping'
}
