import { judge, type Verdict } from '../point.ts'
import { activityPoints } from './activity.ts'
import { Caller, type CallerOptions } from './caller.ts'
import { greetingPoints } from './greeting.ts'
import { linkPoints } from './link.ts'

/** Time after which a run checks no further point, in ms. The wait for a command does not count. */
const WHOLE_MS = 4 * 60_000

/**
 * Plays a daemon against a server, and reports whether the server follows each rule of the protocol page.
 * @param tell called with each verdict when its point is done
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
