import { realPath } from '../platform/real-path.ts'
import type { AgentSpec } from '../protocol/index.ts'
import { isModePermitted } from '../protocol/policy-rules.ts'
import { isUnlimited } from './rules/folders.ts'
import type { Policy } from './schema.ts'

/** Returns a permitted specification with the changes that the policy requires for its launch. */
export function permittedSpec(policy: Policy, spec: AgentSpec): AgentSpec {
  // Put the policy's tools first, because the runtime reads the list as one text, in which an invalid entry
  // hides the entries after it.
  const denied = [...new Set([...policy.tools.deny, ...(spec.disallowed_tools ?? [])])]
  return {
    ...spec,
    ...(denied.length > 0 && { disallowed_tools: denied }),
    // Resolve links now, because a link could be changed before the runtime follows it.
    ...(spec.add_dirs && !isUnlimited(policy) && { add_dirs: spec.add_dirs.map((dir) => realPath(dir)) }),
    // Set a mode explicitly, because the runtime's own settings would otherwise select it.
    ...(!isModePermitted(policy, '*') && {
      permission_mode: spec.permission_mode ?? policy.permission_modes[0],
    }),
  }
}
