import type { Agent } from '../agents/agent.ts'
import type { Agents } from '../agents/agents.ts'
import type { StopOptions } from '../agents/end.ts'
import { haveBack, recall } from '../agents/recall.ts'
import type { Logger } from '../platform/log.ts'
import type { Fates } from './fates.ts'

export interface StandDown {
  agents: Agents
  fates: Fates
  /** Whether the supervisor that ends agents with the daemon has already signaled them. */
  signaled: boolean
  /** What comes from then on is left to the next daemon. */
  takeNoCommands(): void
  /** Resolves when no command is under way, or one takes too long. */
  commandsSettled(): Promise<void>
  stop: Omit<StopOptions, 'cause'>
  logger: Logger
}

/** Before a new start of the daemon: ends those agents that would not live through it, for the next one to have them back. */
export async function standDown(options: StandDown): Promise<void> {
  const { agents, fates, signaled, takeNoCommands, commandsSettled, stop, logger } = options
  // Its settings may have changed since it was last asked.
  const fate = await fates.look()
  if (fate) {
    // Including agents that are only coming back from the restart before: they would be started, and killed at once.
    takeNoCommands()
    await commandsSettled()
    await agents.settle()
  }
  const quicker = signaled ? fates.quicker(agents) : []
  const doomed = fates.doomed(agents)
  const running = [...agents].filter(({ ended }) => !ended).length
  if (!fate || doomed.length + quicker.length === 0) {
    if (running > 0) logger.info('the agents run on')
    return
  }
  logger.warn(
    { stopped: doomed.length + quicker.length, running_on: running - doomed.length, remedy: fate.remedy },
    `${fate.by} would end agents: they are stopped, and the next daemon resumes them`,
  )
  const why = `It was stopped for a restart of the daemon, with which ${fate.by} would have ended it.`
  const note = async (agent: Agent) => {
    haveBack(agent, why)
    agent.endedBy('stopped')
    agent.explain(why)
  }
  await stopAll(quicker, note, logger)
  await stopAll(doomed, (agent) => recall(agent, why, stop), logger)
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
