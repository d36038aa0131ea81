import type { AgentSpec } from '../protocol/index.ts'
import {
  type PolicyRefusal,
  refusedMode,
  refusedSystemPrompt,
  refusedTools,
} from '../protocol/policy-rules.ts'
import { refusedVariables } from './rules/environment.ts'
import { refusedFolders } from './rules/folders.ts'
import { refusedMcpServers } from './rules/mcp-servers.ts'
import { type Program, refusedRuntime } from './rules/runtimes.ts'
import type { Policy } from './schema.ts'

/**
 * Returns the policy's refusals of a specification.
 * @param program the runtime's program, if it is known
 */
export const refusalsOfSpec = (policy: Policy, spec: AgentSpec, program?: Program): PolicyRefusal[] => [
  ...refusedRuntime(policy, spec.runtime, program),
  ...refusedFolders(policy, [spec.cwd, ...(spec.add_dirs ?? [])]),
  ...refusedMode(policy, spec.permission_mode),
  ...refusedTools(policy, spec.allowed_tools ?? []),
  ...refusedMcpServers(policy, spec.mcp_servers),
  ...refusedVariables(policy, spec.env),
  ...refusedSystemPrompt(policy, spec.system_prompt),
]
