import { join } from 'node:path'
import type { Agent } from '../agents/agent.ts'
import type { AgentGroups } from '../agents/process/cgroup/run-group.ts'
import { groupName, groupPrefix } from '../agents/process/cgroup/run-group.ts'
import { groupsIn, removeGroup } from '../platform/control-groups.ts'
import type { Logger } from '../platform/log.ts'
import { realPath } from '../platform/real-path.ts'
import { delegatedGroup, openGroups } from '../service/delegated-group.ts'

export interface ControlGroupsOptions {
  /** Folder that contains the agents' folders. */
  agentsDir: string
  agents(): Iterable<Pick<Agent, 'folder' | 'run'>>
  env: NodeJS.ProcessEnv
  logger: Logger
}

/** The folder of the agents' control groups, if the daemon may have such a folder on this machine. */
export class ControlGroups {
  readonly #options: ControlGroupsOptions
  #opened: Promise<AgentGroups | undefined> | undefined

  constructor(options: ControlGroupsOptions) {
    this.#options = options
  }

  /** Returns the folder of the agents' groups. The first call creates it. */
  open(): Promise<AgentGroups | undefined> {
    this.#opened ??= this.#open()
    return this.#opened
  }

  async #open(): Promise<AgentGroups | undefined> {
    const { env, logger } = this.#options
    try {
      const found = await delegatedGroup(env)
      const groups = found && openGroups(found)
      if (groups) {
        logger.info(groups, 'each agent gets a control group')
        this.#removeUnused(groups)
      } else logger.info('agents get no control groups, because this daemon may not create control groups')
      return groups
    } catch (err) {
      logger.warn({ err }, 'agents get no control groups')
      return undefined
    }
  }

  /**
   * Deletes empty groups of earlier runs. Such groups remain, for example, if a version that does not know
   * groups has removed the agents.
   */
  #removeUnused({ dir }: AgentGroups) {
    const { agentsDir, agents } = this.#options
    const current = new Set([...agents()].map(({ folder, run }) => run.mark && groupName(folder, run.mark)))
    const prefix = groupPrefix(realPath(agentsDir))
    for (const name of groupsIn(dir))
      if (name.startsWith(prefix) && !current.has(name)) removeGroup(join(dir, name))
  }
}
