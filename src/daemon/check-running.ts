import type { Agent } from '../agents/agent.ts'
import { CommandFailure } from '../agents/command-failure.ts'

/** Checks that the agent still accepts input. @throws CommandFailure */
export function checkRunning(agent: Agent) {
  if (!agent.hasEnded && agent.snapshot.state !== 'stopping') return
  throw new CommandFailure('agent_not_running', `${agent.id} is not running (${agent.snapshot.state}).`, {
    remedy: 'Resume it first.',
  })
}
