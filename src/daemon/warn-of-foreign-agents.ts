import type { Agent } from '../agents/agent.ts'
import { isForeign } from '../agents/process/foreign-run.ts'
import type { Logger } from '../platform/log.ts'
import type { Health } from './health.ts'

/**
 * Reports agents that run as another user. There are such agents if the owner of the state folder was changed
 * without `service install`. That command ends the agents before the change.
 */
export function warnOfForeignAgents(agents: Iterable<Agent>, health: Health, logger: Logger) {
  const ids = [...agents]
    .filter(isForeign)
    .map(({ id }) => id)
    .join(', ')
  if (ids === '') return
  const problem = {
    message: `Agents of this state folder run as another user: ${ids}. They receive input, but this daemon cannot send them signals.`,
    remedy:
      'Stop these agents, then check with `ps` that their processes have ended. End remaining processes as root (kill).',
  }
  logger.error({ agents: ids }, problem.message)
  health.report('agents_of_another_user', { severity: 'error', ...problem })
}
