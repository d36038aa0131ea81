import type { Agent } from '../agents/agent.ts'
import { isForeign } from '../agents/foreign.ts'
import type { Logger } from '../platform/log.ts'
import type { Health } from './health.ts'

/** The state folder has changed hands while agents worked: by hand, since `service install` ends them first. */
export function tellForeign(agents: Iterable<Agent>, health: Health, logger: Logger) {
  const ids = [...agents]
    .filter(isForeign)
    .map(({ id }) => id)
    .join(', ')
  if (ids === '') return
  const problem = {
    message: `Agents run on this state folder as another user: ${ids}. They hear what they are told, but this daemon cannot end them.`,
    remedy:
      'Stop them from here, then look with `ps` whether they have gone; as root, `doctor` ends the rest.',
  }
  logger.error({ agents: ids }, problem.message)
  health.report('agents_of_another_user', { severity: 'error', ...problem })
}
