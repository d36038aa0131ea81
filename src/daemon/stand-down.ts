import type { Agent } from '../agents/agent.ts'
import type { Agents } from '../agents/agents.ts'
import type { StopOptions } from '../agents/end.ts'
import { recall } from '../agents/recall.ts'
import type { Logger } from '../platform/log.ts'
import type { Fates } from './fates.ts'

export interface StandDown {
  agents: Agents
  fates: Fates
  /** What comes from then on is left to the next daemon. */
  takeNoCommands(): void
  stop: Omit<StopOptions, 'cause'>
  logger: Logger
}

/** Before a new start of the daemon: ends those agents that would not live through it, for the next one to have them back. */
export async function standDown({ agents, fates, takeNoCommands, stop, logger }: StandDown): Promise<void> {
  // Its settings may have changed since it was last asked.
  const fate = await fates.look()
  if (!fate || fates.doomed(agents).length === 0) {
    logger.info('the agents run on')
    return
  }
  takeNoCommands()
  await agents.settle()
  const doomed = fates.doomed(agents)
  const running = [...agents].filter(({ ended }) => !ended).length
  logger.warn(
    { stopped: doomed.length, running_on: running - doomed.length, remedy: fate.remedy },
    `${fate.by} would end agents: they are stopped, and the next daemon resumes them`,
  )
  const why = `It was stopped for a restart of the daemon, with which ${fate.by} would have ended it.`
  await Promise.all(doomed.map((agent) => recall(agent, why, stop)))
}

/** One that cannot be stopped, as on a disk that takes no note of its end, does not keep the others from it. */
export async function stopAll(
  agents: Iterable<Agent>,
  stop: (agent: Agent) => Promise<void>,
  logger: Logger,
): Promise<void> {
  const stopping = [...agents].map((agent) =>
    stop(agent).catch((err) => logger.error({ agent_id: agent.id, err }, 'agent not stopped in good order')),
  )
  await Promise.all(stopping)
}
