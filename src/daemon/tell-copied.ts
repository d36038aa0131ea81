import { hostname } from 'node:os'
import { join } from 'node:path'
import type { StatePaths } from '../config/paths.ts'
import { readJson } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { lastingIdentity, systemId } from '../platform/system-id.ts'
import { visible } from '../platform/visible.ts'
import type { Health } from './health.ts'
import { type Machine, MachineRecord } from './machine.ts'
import { examineOrigin } from './origin.ts'

/** Says that another machine may have the identity of this one, since its state folder is a copy. */
export function tellCopied(
  { machine_id }: Machine,
  { dir }: StatePaths,
  health: Health,
  logger: Logger,
  now: string,
) {
  const system = systemId()
  const problem = examineOrigin({
    dir,
    machineId: machine_id,
    here: { dir, hostname: hostname(), folder: lastingIdentity(dir) ?? '', ...(system && { system }) },
    now,
    isThere: (place) => {
      const machine = readJson(join(place.dir, 'machine.json'), MachineRecord)
      return (
        lastingIdentity(place.dir) === place.folder && machine.ok && machine.value.machine_id === machine_id
      )
    },
  })
  if (!problem) return
  logger.warn({ remedy: problem.remedy }, problem.message)
  health.report('state_copied', problem)
}

/** Says that another machine has the identity of this one: it has taken this one's place at the server. */
export function tellSuperseded(message: string, { dir }: StatePaths, health: Health) {
  health.report('state_copied', {
    severity: 'error',
    message: `${visible(message)} This daemon stays cut off until it is started again.`,
    remedy: `Make the copy a machine of its own: stop its daemon, delete machine.json, agents and ledger.jsonl in its state folder (here ${dir}), and enroll it again with --force; then run \`fomular-daemon restart\` on the other.`,
  })
}
