import type { AgentSpec } from '../protocol/index.ts'
import { isModePermitted } from './rules/modes.ts'
import type { Policy } from './schema.ts'

/** Returns a permitted specification as the policy wants it launched. */
export function permittedSpec(policy: Policy, spec: AgentSpec): AgentSpec {
  const denied = [...new Set([...(spec.disallowed_tools ?? []), ...policy.tools.deny])]
  return {
    ...spec,
    ...(denied.length > 0 && { disallowed_tools: denied }),
    // Otherwise, the runtime's own settings would choose the mode.
    ...(!isModePermitted(policy, '*') && {
      permission_mode: spec.permission_mode ?? policy.permission_modes[0],
    }),
  }
}
