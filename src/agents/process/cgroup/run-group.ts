import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path'
import { groupFolder, isGroupFolder } from '../../../platform/control-groups.ts'
import type { AgentFolder } from '../../disk/folder.ts'
import type { ProcessRecord, RunRecord } from '../../disk/records.ts'

/** The folder in which this daemon creates the control groups of its agents. */
export interface AgentGroups {
  dir: string
  /** Controllers that limit the groups in it, such as `memory`. */
  controllers: readonly string[]
}

interface Grouped {
  folder: Pick<AgentFolder, 'real'>
  run: Pick<RunRecord, 'mark' | 'group'>
  process?: Pick<ProcessRecord, 'launcher' | 'agent'> | undefined
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12)

/**
 * Returns the prefix of the names of all groups of a state folder. The prefix is needed because daemons can
 * share a folder of groups.
 */
export const groupPrefix = (agentsDir: string) => `${hash(agentsDir)}-`

/** Returns the name of a run's group. The name is unique, since it is derived from the secret of the run. */
export const groupName = ({ real }: Grouped['folder'], mark: string) =>
  `${groupPrefix(dirname(real))}${basename(real)}-${hash(mark)}`

/**
 * Returns the folder of the control group of an agent's current run; undefined if the run has no group.
 * Ignores a folder whose name is not the name of the run's group, since others could have written the record.
 */
export function groupOf({ folder, run, process }: Grouped): string | undefined {
  const { mark, group } = run
  if (mark === undefined) return undefined
  const name = groupName(folder, mark)
  const isOwn = (path: string | undefined) =>
    path !== undefined && basename(path) === name && isGroupFolder(path)
  // The record can be missing or wrong. An earlier version removes it. If a daemon was killed, its launcher
  // may have entered one group, and the next daemon may have recorded another. Check the launcher, too,
  // because earlier versions put it into the group.
  const entered = process && [process.agent, process.launcher].map(({ pid }) => groupFolder(pid)).find(isOwn)
  return entered ?? (isOwn(group) ? group : undefined)
}
