import { judge, type Verdict } from '../point.ts'
import { activityPoints } from './activity.ts'
import { Caller, type CallerOptions } from './caller.ts'
import { greetingPoints } from './greeting.ts'
import { linkPoints } from './link.ts'

/** Maximum duration of a run, in ms, beside the time for a command and that of the point it ends in. */
const WHOLE_MS = 4 * 60_000

/**
 * Plays a daemon against a server, and says of each rule of the protocol page whether the server keeps to it.
 * @param tell told of each verdict as it is reached
 */
export async function judgeServer(
  options: CallerOptions,
  tell: (verdict: Verdict) => void,
): Promise<{ machine_id: string; verdicts: Verdict[] }> {
  const caller = new Caller(options)
  try {
    const points = [...greetingPoints, ...activityPoints, ...linkPoints]
    const verdicts = await judge(points, caller, { wholeMs: WHOLE_MS + options.commandMs, tell })
    return { machine_id: caller.machineId, verdicts }
  } finally {
    await caller.close()
  }
}
