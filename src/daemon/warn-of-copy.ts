import { hostname } from 'node:os'
import { join } from 'node:path'
import type { StatePaths } from '../config/paths.ts'
import { readJson } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { lastingIdentity, systemId } from '../platform/system-id.ts'
import { visible } from '../platform/visible-text.ts'
import type { Health } from './health.ts'
import { type Machine, MachineRecord } from './machine.ts'
import { examineOrigin } from './origin.ts'

/** Warns that the state folder is a copy, so that another machine may have the same identity. */
export function warnOfCopy(
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

/**
 * Reports that the server has closed this connection because another machine with the same identity
 * connected.
 */
export function warnOfReplacement(message: string, { dir }: StatePaths, health: Health) {
  health.report('state_copied', {
    severity: 'error',
    message: `${visible(message)} This daemon stays disconnected until it is restarted.`,
    remedy: `Make the copy a separate machine: stop its daemon, delete machine.json, agents and ledger.jsonl in its state folder (here ${dir}), and enroll it again with --force; then run \`fomular-daemon restart\` on the original machine.`,
  })
}
