import { realPath } from '../platform/real-path.ts'
import type { AgentSpec } from '../protocol/index.ts'
import { isUnlimited } from './rules/folders.ts'
import { isModePermitted } from './rules/modes.ts'
import type { Policy } from './schema.ts'

/** Returns a permitted specification as the policy wants it launched. */
export function permittedSpec(policy: Policy, spec: AgentSpec): AgentSpec {
  // The policy's tools are first: the runtime reads the list as one text, in which a broken entry hides those behind it.
  const denied = [...new Set([...policy.tools.deny, ...(spec.disallowed_tools ?? [])])]
  return {
    ...spec,
    ...(denied.length > 0 && { disallowed_tools: denied }),
    // A link could lead elsewhere by the time that the runtime follows it.
    ...(spec.add_dirs && !isUnlimited(policy) && { add_dirs: spec.add_dirs.map((dir) => realPath(dir)) }),
    // Otherwise, the runtime's own settings would choose the mode.
    ...(!isModePermitted(policy, '*') && {
      permission_mode: spec.permission_mode ?? policy.permission_modes[0],
    }),
  }
}
