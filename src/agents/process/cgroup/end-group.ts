import { sleep } from '../../../platform/clock.ts'
import { isPopulated, killMembers, membersOf, removeGroup } from '../../../platform/control-groups.ts'

/**
 * Maximum time for killed processes to end, in ms. It is limited because a process that waits for a device
 * cannot end.
 */
const END_MS = 2000
const STEP_MS = 10

/**
 * Kills all processes in the control group of a run, even processes of other users, and deletes the group.
 * @returns the number of killed processes
 */
export async function endGroup(folder: string): Promise<number> {
  const members = membersOf(folder)
  // An agent may have started this daemon, which is then in the agent's group. `endStrays` has already ended
  // the agent's other processes, which it found by their marks.
  if (members.includes(process.pid)) return 0
  for (let waited = 0; isPopulated(folder) && waited < END_MS; waited += STEP_MS) {
    killMembers(folder)
    await sleep(STEP_MS)
  }
  removeGroup(folder)
  return members.length
}
