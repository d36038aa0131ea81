import { existsSync } from 'node:fs'
import { sep } from 'node:path'
import { agentProcesses } from '../agents/strays.ts'
import type { StatePaths } from '../config/paths.ts'
import type { Logger } from '../platform/log.ts'
import { realPath } from '../platform/real-path.ts'
import type { Health } from './health.ts'
import type { Machine } from './machine.ts'

/**
 * Says that this start is the first on its state folder. Agents that run although their folders are gone show that
 * somebody deleted or moved the one before. Their machine comes back by itself only where its id is kept beside its key.
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
  if (!isNew && !restored) return
  const own = realPath(paths.agents) + sep
  // Without their folders they can prove nothing.
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
    'This machine has a new identity, although agents from before run on: its state folder, or machine.json in it, was deleted or moved.',
  remedy: `To be the old machine again, stop the daemon and put back what was in ${dir}; to stay the new one, end those agents as \`fomular-daemon doctor\` says, then restart the daemon.`,
})

const foldersGone = (dir: string) => ({
  code: 'state_damaged' as const,
  message: 'Agents from before run on, but their folders were deleted or moved: nobody can reach them.',
  remedy: `To have them back, stop the daemon and put back what was in ${dir}. Else end them as \`fomular-daemon doctor\` says, then restart the daemon.`,
})
