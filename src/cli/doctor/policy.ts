import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { agentFolder } from '../../agents/disk/folder.ts'
import { SpecRecord } from '../../agents/disk/records.ts'
import type { StatePaths } from '../../config/paths.ts'
import { readJson } from '../../platform/files.ts'
import { orUndefined } from '../../platform/or-undefined.ts'
import { CAREFUL } from '../../policy/schema.ts'
import { refusalsOfSpec } from '../../policy/spec-refusals.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import { examineFile } from '../policy/examine-file.ts'
import { inForceOf, type StartSettings } from '../policy/in-force.ts'
import type { Finding } from '../render/finding.ts'

const check = 'policy'
/** Maximum number of agents that a message names. */
const MOST_AGENTS = 10

/**
 * Reports mistakes in the policy. On a machine without a policy, reports the agents that a careful policy
 * would refuse.
 */
export function checkPolicy(
  settings: StartSettings | undefined,
  paths: StatePaths,
  running: DaemonStatus | undefined,
): Finding[] {
  // An older daemon has no policy to check. If no daemon runs and the settings cannot be read, another check
  // reports this.
  if (running ? !running.machine.policy : !settings) return []
  const { file, otherwise, user } = inForceOf(running, paths, settings)
  // If a daemon runs, it reports mistakes in the policy.
  if (file !== undefined && !running)
    return examineFile(file, user).problems.map(({ message, remedy }) => ({
      check,
      level: 'error',
      message: `${message} No agent is started.`,
      remedy,
    }))
  if (file !== undefined || otherwise === 'careful') return []
  const agents = orUndefined(() => readdirSync(paths.agents)) ?? []
  const refused = agents.flatMap((name) => {
    const read = orUndefined(() => readJson(agentFolder(join(paths.agents, name)).spec, SpecRecord))
    if (!read?.ok) return []
    const keys = [...new Set(refusalsOfSpec(CAREFUL, read.value.spec).map(({ key }) => key))]
    return keys.length > 0 ? [`${name} (${keys.join(', ')})`] : []
  })
  if (refused.length === 0) return []
  const named = refused.slice(0, MOST_AGENTS).join(', ')
  const more = refused.length > MOST_AGENTS ? `, and ${refused.length - MOST_AGENTS} more` : ''
  return [
    {
      check,
      level: 'info',
      message: `This machine has no policy. A careful policy would refuse these agents: ${named}${more}`,
      remedy: 'To limit what the server may do, run fomular-daemon policy init.',
    },
  ]
}
