import type { Agent } from '../agents/agent.ts'
import type { AgentPool } from '../agents/agent-pool.ts'
import type { StopOptions } from '../agents/process/end.ts'
import { haveBack, recall } from '../agents/process/recall.ts'
import type { Logger } from '../platform/log.ts'
import type { AgentsFate } from './agents-fate.ts'

export interface StandDown {
  agents: AgentPool
  fates: AgentsFate
  /** True if the supervisor has already sent its stop signal to the agents that end with the daemon. */
  signaled: boolean
  /** Stops accepting commands, so that the next daemon receives them. */
  takeNoCommands(): void
  /** Resolves when no command is in progress, or after a timeout. */
  whenCommandsIdle(): Promise<void>
  stop: Omit<StopOptions, 'cause'>
  logger: Logger
}

/**
 * Prepares a restart of the daemon: stops the agents that would not survive it, so that the next daemon
 * resumes them.
 */
export async function standDown(options: StandDown): Promise<void> {
  const { agents, fates, signaled, takeNoCommands, whenCommandsIdle, stop, logger } = options
  // The supervisor's settings may have changed since the last check.
  const fate = await fates.look()
  if (fate) {
    // Include agents that still wait to be resumed after the previous restart: otherwise, they would be
    // started and then killed at once.
    takeNoCommands()
    await whenCommandsIdle()
    await agents.settle()
  }
  const quicker = signaled ? fates.quicker(agents) : []
  const doomed = fates.doomed(agents)
  const running = [...agents].filter(({ hasEnded }) => !hasEnded).length
  if (!fate || doomed.length + quicker.length === 0) {
    if (running > 0) logger.info('the agents keep running')
    return
  }
  logger.warn(
    { stopped: doomed.length + quicker.length, running_on: running - doomed.length, remedy: fate.remedy },
    `${fate.by} would end agents: they are stopped, and the next daemon resumes them`,
  )
  const why = `It was stopped for a restart of the daemon, because ${fate.by} would have ended it.`
  const note = async (agent: Agent) => {
    haveBack(agent, why)
    agent.markEndedBy('stopped')
    agent.explain(why)
  }
  await stopAll(quicker, note, logger)
  await stopAll(doomed, (agent) => recall(agent, why, stop), logger)
}

/**
 * Stops agents. If an agent cannot be stopped, for example because of a faulty disk, the other agents are
 * still stopped.
 */
export async function stopAll(
  agents: Iterable<Agent>,
  stop: (agent: Agent) => Promise<void>,
  logger: Logger,
): Promise<void> {
  const stopping = [...agents].map((agent) =>
    stop(agent).catch((err) => logger.error({ agent_id: agent.id, err }, 'failed to stop the agent')),
  )
  await Promise.all(stopping)
}
