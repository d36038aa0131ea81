import { HttpError } from '../http-error.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { Quotas } from '../registry/quotas.ts'
import type { AgentRef } from '../store/records.ts'

export interface StartContext {
  agents: AgentRegistry
  commands: CommandQueue
  quotas: Quotas
}

/**
 * Checks whether an agent may be started.
 * @throws HttpError if the machine already has the agent, or is at its limit
 */
export function refuseStart(ref: AgentRef, { agents, commands, quotas }: StartContext) {
  const { machine_id, agent_id } = ref
  if (agents.get(ref) || commands.startingOn(agent_id).includes(machine_id)) throw agentExists(agent_id)
  const full = agents.isFull(machine_id)
    ? 'agents'
    : quotas.historyBytes(machine_id) >= quotas.limit('history_bytes')
      ? 'history_bytes'
      : undefined
  if (!full) return
  throw new HttpError(
    429,
    `machine_${full}`,
    `This machine has reached its limit on the hub: ${quotas.limit(full)} (${full}).`,
    {
      path: 'machine_id',
      remedy: 'Remove agents that this machine no longer needs, or start the hub with a higher limit.',
    },
  )
}

export const agentExists = (agentId: string) =>
  new HttpError(409, 'agent_exists', `Agent ${agentId} already exists.`, { path: 'agent_id' })
