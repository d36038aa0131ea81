import * as z from 'zod/mini'
import type { Agent } from '../agents/agent.ts'
import { UserError } from '../platform/errors.ts'
import { AgentId, AgentSpec, withoutSecrets } from '../protocol/index.ts'

const Asked = z.object({ agent_id: AgentId })

/**
 * Returns data about an agent that its status does not contain: its specification, its restarts, and its
 * files.
 * @throws UserError
 */
export function describeAgent(find: (agentId: string) => Agent | undefined, body: unknown) {
  const asked = Asked.safeParse(body)
  const agent = asked.success ? find(asked.data.agent_id) : undefined
  if (!agent) throw new UserError('agent_not_found', 'There is no such agent on this machine.')
  const { dir, journal, stderr } = agent.folder
  return {
    status: agent.status(),
    spec: inShort(agent.record.spec),
    restarts: agent.run.restarts,
    paths: { dir, journal, stderr },
  }
}

/** Removes secrets, and replaces prompts with their length. */
function inShort(spec: AgentSpec) {
  const { prompt, system_prompt, ...rest } = withoutSecrets(AgentSpec, spec)
  return {
    ...rest,
    ...(prompt !== undefined && { prompt_chars: JSON.stringify(prompt).length }),
    ...(system_prompt && { system_prompt: { mode: system_prompt.mode, chars: system_prompt.text.length } }),
  }
}
