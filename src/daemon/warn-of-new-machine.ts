import { existsSync } from 'node:fs'
import { sep } from 'node:path'
import { agentProcesses } from '../agents/process/strays.ts'
import type { StatePaths } from '../config/paths.ts'
import type { Logger } from '../platform/log.ts'
import { realPath } from '../platform/real-path.ts'
import type { Health } from './health.ts'
import type { Machine } from './machine.ts'

/**
 * Reports that this start is the first on its state folder. Agents that run without their folders show that
 * the previous folder was deleted or moved. The machine keeps its identity only if there is a copy of the
 * identity next to the machine's key.
 */
export function warnOfNewMachine(
  { machine_id, isNew, restored }: Machine,
  paths: StatePaths,
  health: Health,
  logger: Logger,
) {
  if (restored)
    logger.warn(
      { machine_id },
      `${paths.machine} is missing or damaged: the machine's identity was restored from the copy next to its key`,
    )
  if (!isNew && !restored) return
  const own = realPath(paths.agents) + sep
  // Include unproven processes, because without the folders of the agents, no process can be proven to belong
  // to an agent.
  const { proven, unproven } = agentProcesses()
  const running = [...proven.keys(), ...unproven.keys()].filter((dir) => dir.startsWith(own))
  const agents = isNew ? running : running.filter((dir) => !existsSync(dir))
  if (agents.length === 0) {
    if (isNew) logger.info({ machine_id }, 'this machine has a new identity')
    return
  }
  const { code, ...problem } = isNew ? newIdentity(paths.dir) : foldersGone(paths.dir)
  logger.warn({ machine_id, agents, remedy: problem.remedy }, problem.message)
  health.report(code, { severity: 'warning', ...problem })
}

const newIdentity = (dir: string) => ({
  code: 'new_identity' as const,
  message:
    'This machine has a new identity, although earlier agents still run: its state folder, or machine.json in it, was deleted or moved.',
  remedy: `To restore the old identity, stop the daemon and restore the contents of ${dir}. To keep the new identity, end those agents as \`fomular-daemon doctor\` says, then restart the daemon.`,
})

const foldersGone = (dir: string) => ({
  code: 'state_damaged' as const,
  message: 'Earlier agents still run, but their folders were deleted or moved, so nothing can reach them.',
  remedy: `To recover them, stop the daemon and restore the contents of ${dir}. Otherwise, end the agents as \`fomular-daemon doctor\` says, then restart the daemon.`,
})
