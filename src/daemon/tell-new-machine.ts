import { sep } from 'node:path'
import { agentProcesses } from '../agents/strays.ts'
import type { StatePaths } from '../config/paths.ts'
import type { Logger } from '../platform/log.ts'
import { realPath } from '../platform/real-path.ts'
import type { Health } from './health.ts'
import type { Machine } from './machine.ts'

/**
 * Says that this start is the first on its state folder. Agents of this folder that run all the same show that there was
 * one before, which somebody deleted or moved: their machine does not come back by itself.
 */
export function tellNewMachine(
  { machine_id, isNew, restored }: Machine,
  paths: StatePaths,
  health: Health,
  logger: Logger,
) {
  if (restored)
    logger.warn(
      { machine_id },
      `${paths.machine} is gone or damaged: this machine is the same as before, by what is kept beside its key`,
    )
  if (!isNew) return
  const own = realPath(paths.agents) + sep
  // Without their folders they can prove nothing.
  const { proven, unproven } = agentProcesses()
  const agents = [...proven.keys(), ...unproven.keys()].filter((dir) => dir.startsWith(own))
  if (agents.length === 0) return logger.info({ machine_id }, 'this machine has a new identity')
  const problem = {
    message:
      'This machine has a new identity, although agents from before run on: its state folder, or machine.json in it, was deleted or moved.',
    remedy: `To be the old machine again, stop the daemon and put back what was in ${paths.dir}; to stay the new one, restart the daemon once those agents have ended (\`fomular-daemon doctor --fix\` ends those whose folders are gone).`,
  }
  logger.warn({ machine_id, agents, remedy: problem.remedy }, problem.message)
  health.report('new_identity', { severity: 'warning', ...problem })
}
