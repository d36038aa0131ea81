import type { AgentSpec } from '../../protocol/index.ts'
import type { PolicyRefusal } from '../refusal.ts'
import type { Policy } from '../schema.ts'

export function refusedSystemPrompt(policy: Policy, asked: AgentSpec['system_prompt']): PolicyRefusal[] {
  if (!asked || policy.system_prompt === 'replace' || policy.system_prompt === asked.mode) return []
  const doing = asked.mode === 'append' ? 'append to' : 'replace'
  return [
    {
      key: 'system_prompt',
      message: `The machine's policy does not let a server ${doing} the system prompt.`,
    },
  ]
}
