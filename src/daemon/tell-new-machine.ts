import { sep } from 'node:path'
import { agentProcesses } from '../agents/strays.ts'
import type { StatePaths } from '../config/paths.ts'
import type { Logger } from '../platform/log.ts'
import { realPath } from '../platform/real-path.ts'
import type { Machine } from './machine.ts'

/**
 * Says that this start is the first on its state folder. Agents of this folder that run all the same show that there was
 * one before, which somebody deleted or moved: their machine does not come back by itself.
 */
export function tellNewMachine({ machine_id, isNew }: Machine, paths: StatePaths, logger: Logger) {
  if (!isNew) return
  const own = realPath(paths.agents) + sep
  const agents = [...agentProcesses().keys()].filter((dir) => dir.startsWith(own))
  if (agents.length === 0) logger.info({ machine_id }, 'this machine has a new identity')
  else
    logger.warn(
      { machine_id, agents, remedy: `To be the old one again, stop the daemon and put ${paths.dir} back.` },
      'this machine has a new identity, although agents from before run on: its state folder was deleted or moved',
    )
}
