import { bootId, identify } from '../../platform/process-identity.ts'
import type { ProcessRecord } from '../disk/records.ts'
import { isMarked, type Marked } from './marks.ts'

/**
 * Returns an agent's processes with this daemon's boot id. In a container a boot can have two ids: the container's, and
 * the machine's in a unit with its own /proc. The agent's mark proves that the process is of this boot.
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
