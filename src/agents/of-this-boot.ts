import { bootId, identify } from '../platform/process-identity.ts'
import { isMarked, type Marked } from './marks.ts'
import type { ProcessRecord } from './records.ts'

/**
 * The processes of an agent, by this daemon's name of the boot. In a container the boot has two: the container's own, and
 * the machine's where a unit has a /proc of its own. An agent that carries its mark is the same by either.
 */
export function ofThisBoot(record: ProcessRecord, marked: Marked): ProcessRecord {
  const { launcher, agent, feeder } = record
  const boot_id = bootId()
  if (agent.boot_id === boot_id || identify(agent.pid)?.start !== agent.start) return record
  if (!isMarked(agent.pid, marked)) return record
  const rebased = { ...record }
  for (const [name, process] of Object.entries({ launcher, agent, feeder }))
    rebased[name as 'agent'] = { ...process, boot_id }
  return rebased
}
