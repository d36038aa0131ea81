import type { Logger } from '../platform/log.ts'
import type { Agent } from './agent.ts'
import type { Endings } from './endings.ts'
import { checkProcesses, type StopOptions } from './process/end.ts'
import { isLaunched } from './process/launch.ts'
import type { LaunchQueue } from './process/launch-queue.ts'
import { isUnexplained, recall } from './process/recall.ts'

export interface TakeOverOptions {
  logger: Logger
  launches: LaunchQueue
  endings: Endings
  /** Returns the current time (ISO 8601). */
  now(): string
  stop(agent: Agent, options: StopOptions): Promise<void>
}

/**
 * Takes over an agent of an earlier daemon, whether it is running or has ended, and finishes an interrupted
 * launch or stop.
 */
export function takeOver(agent: Agent, { logger, launches, endings, now, stop }: TakeOverOptions): void {
  const { hasRunEnded } = agent
  // Do this first: the greeting contains the journal's end, and a server discards bytes after that offset.
  while (agent.catchUp());
  agent.onCaughtUp()
  if (!agent.hasRunEnded && !isLaunched(agent)) {
    launches.add(agent).catch(() => {})
    return
  }
  checkProcesses(agent)
  if (agent.hasEnded) {
    if (!hasRunEnded && isUnexplained(agent)) endings.expect(agent)
    // An earlier daemon may have detected the agent's end, but may have died before it ended the leftover
    // processes.
    endings.onEnded(agent)
    return
  }
  logger.info({ agent_id: agent.id, pid: agent.process?.agent.pid }, 'agent taken over')
  endings.expect(agent)
  if (!agent.isReady) void launches.watch(agent)
  // If an earlier daemon died while it was stopping the agent, stop it now.
  const { stopping } = agent.snapshot
  const commandId = `taken-over-${now()}`
  const stopped = agent.run.recall
    ? recall(agent, agent.run.recall.why, { commandId })
    : stopping && stop(agent, { commandId, cause: stopping })
  stopped?.catch((err) => logger.error({ agent_id: agent.id, err }, 'agent not stopped'))
}
