import type { Agent } from '../agents/agent.ts'
import { CommandFailure } from '../agents/failure.ts'

/** @throws CommandFailure where the agent takes nothing more from anybody */
export function mustRun(agent: Agent) {
  if (!agent.ended && agent.snapshot.state !== 'stopping') return
  throw new CommandFailure('agent_not_running', `${agent.id} is not running (${agent.snapshot.state}).`, {
    remedy: 'Resume it first.',
  })
}
