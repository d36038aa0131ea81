import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { removeGroup, writeGroupFile } from '../../../platform/control-groups.ts'
import { systemCode } from '../../../platform/errors.ts'
import { CommandFailure } from '../../command-failure.ts'
import type { AgentFolder } from '../../disk/folder.ts'
import { LIMITS, type Limit } from './limits.ts'
import { type AgentGroups, groupName } from './run-group.ts'

/**
 * Creates the control group of a run and sets the run's limits.
 * @param limits limits that the run must not exceed
 * @returns the group's folder; undefined if there are no limits and this machine cannot create groups
 * @throws CommandFailure if this machine cannot apply a limit
 */
export function makeGroup(
  agent: { folder: Pick<AgentFolder, 'real'>; mark: string },
  groups: AgentGroups | undefined,
  limits: readonly Limit[],
): string | undefined {
  const missing = limits.find(({ name }) => !groups?.controllers.includes(LIMITS[name].controller))
  if (missing)
    throw unavailable(missing, `no control groups with the controller ${LIMITS[missing.name].controller}`)
  if (!groups) return undefined
  const folder = join(groups.dir, groupName(agent.folder, agent.mark))
  try {
    make(folder)
  } catch (error) {
    const [first] = limits
    if (first) throw unavailable(first, `no control group (${(error as Error).message})`)
    return undefined
  }
  for (const limit of limits)
    try {
      const { file, unit } = LIMITS[limit.name]
      writeGroupFile(join(folder, file), String(limit.value * unit))
    } catch (error) {
      throw unavailable(limit, `no such limit (${(error as Error).message})`)
    }
  return folder
}

function make(folder: string) {
  try {
    mkdirSync(folder)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    // A daemon that was killed during this launch created the group. Its limits may be of another policy.
    if (removeGroup(folder)) mkdirSync(folder)
  }
}

const unavailable = ({ by, name }: Limit, what: string) =>
  by === 'policy'
    ? new CommandFailure(
        'policy',
        `The machine's policy limits the resources of agents, but this machine has ${what}.`,
        {
          path: `resources.${name}`,
          remedy: `Run the daemon as a service of systemd 254 or later with \`fomular-daemon service install\`, or have the machine's operator remove resources.${name}.`,
        },
      )
    : new CommandFailure('unsupported', `The machine cannot limit the agent's resources: it has ${what}.`, {
        path: `spec.limits.${name}`,
        remedy: 'Start the agent without this limit.',
      })
