import type { AgentPool } from '../agents/agent-pool.ts'
import { resumedId } from '../agents/events/ids.ts'
import type { Command } from '../protocol/index.ts'

/**
 * Reports whether this command has already created or started an agent. The command's answer may be sent long
 * after its arrival, because the agent may wait for memory.
 */
export function hasBegun(agents: Pick<AgentPool, 'find'>, { type, command_id, ...rest }: Command): boolean {
  const agent = 'agent_id' in rest ? agents.find(rest.agent_id) : undefined
  if (!agent) return false
  if (type === 'agent:start') return agent.record.command_id === command_id
  return type === 'agent:resume' && agent.inbox.hasAccepted(resumedId(agent.id, command_id))
}
