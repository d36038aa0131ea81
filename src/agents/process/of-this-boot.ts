import { bootId, identify } from '../../platform/process-identity.ts'
import { readRecord } from '../disk/read-record.ts'
import { ProcessRecord } from '../disk/records.ts'
import { isMarked, type Marked } from './marks.ts'

/** Reads the processes of an agent's current run; undefined until its launcher has recorded them. */
export function processesOfRun(agent: Marked): ProcessRecord | undefined {
  const read = readRecord(agent.folder.process, ProcessRecord)
  return read.ok && read.value.run === agent.run.run ? ofThisBoot(read.value, agent) : undefined
}

/**
 * Returns an agent's processes with this daemon's boot id. In a container, one boot can have two ids. A
 * process usually sees the container's id, but in a unit with its own /proc, it sees the machine's id. The
 * agent's mark proves that its process started after the last boot.
 */
function ofThisBoot(record: ProcessRecord, marked: Marked): ProcessRecord {
  const { launcher, agent, feeder } = record
  const boot_id = bootId()
  if (agent.boot_id === boot_id || identify(agent.pid)?.start !== agent.start) return record
  if (!isMarked(agent.pid, marked)) return record
  const rebased = { ...record }
  for (const [name, process] of Object.entries({ launcher, agent, feeder }))
    rebased[name as 'agent'] = { ...process, boot_id }
  return rebased
}
