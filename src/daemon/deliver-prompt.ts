import type { Agent } from '../agents/agent.ts'
import type { AgentPool } from '../agents/agent-pool.ts'
import { CommandFailure } from '../agents/command-failure.ts'
import { promptId, uuidFrom } from '../agents/events/ids.ts'
import { isResting } from '../agents/process/rest.ts'
import type { CommandOf } from '../protocol/index.ts'
import { checkRunning } from './check-running.ts'

/**
 * Delivers a prompt to an agent, only once. Restarts an idle agent that the machine has stopped.
 * @param isWanted reports whether the prompt is still wanted; called again after the restart of an agent,
 * which takes time
 * @returns the prompt's id
 * @throws CommandFailure
 */
export async function deliverPrompt(
  agents: AgentPool,
  { agent_id, command_id, content }: Pick<CommandOf<'agent:prompt'>, 'agent_id' | 'command_id' | 'content'>,
  isWanted: () => boolean = () => true,
): Promise<string> {
  const agent = agents.get(agent_id)
  const id = promptId(agent_id, command_id)
  if (agent.inbox.hasAccepted(id)) return id
  if (isResting(agent)) await wake(agents, agent, command_id, isWanted)
  else if (!agent.returning) checkRunning(agent)
  if (!isWanted()) throw unwanted(agent)
  agent.inbox.put(agent.runtime.prompt(id, content, agent.snapshot.conversation))
  agent.touch()
  return id
}

/** Restarts an agent that the machine stopped because the agent was idle. @throws CommandFailure */
async function wake(agents: AgentPool, agent: Agent, commandId: string, isWanted: () => boolean) {
  await agent.until(() => agent.hasEnded)
  if (!isWanted()) throw unwanted(agent)
  // A person may have stopped the agent while the machine stopped it.
  if (!isResting(agent)) checkRunning(agent)
  await agents.resume(agent, wakeId(agent, commandId))
}

/**
 * Returns the id of the command that restarts the agent for a prompt. It depends on the run, because a launch
 * can fail, and the machine can reboot before the agent has begun the prompt.
 */
export const wakeId = ({ id, run }: Pick<Agent, 'id' | 'run'>, commandId: string) =>
  uuidFrom('wake', id, commandId, run.run)

const unwanted = ({ id }: Agent) =>
  new CommandFailure('interrupted', `Another command for ${id} has made this prompt unnecessary.`)
