import type { MachinePolicy } from '../protocol/index.ts'
import type { PolicyState } from './current.ts'

/**
 * Returns the part of a policy that the machine reports, so that a client can refuse a command without
 * sending it.
 */
export function summaryOf(state: PolicyState): MachinePolicy {
  if (state.from === 'unreadable') return { state: 'unreadable' }
  const { policy } = state
  return {
    state: state.from === 'file' ? 'file' : state.kind,
    folders: policy.folders,
    permission_modes: policy.permission_modes,
    tools_allowed: policy.tools.allow,
    tools_denied: policy.tools.deny,
    mcp_servers: policy.mcp.servers,
    mcp_listed: policy.mcp.listed.map(({ name }) => name),
    environment: policy.environment.set,
    system_prompt: policy.system_prompt,
    repository_trust: policy.repository_trust,
    commands_denied: policy.commands.deny,
    signed: policy.signed_by.length > 0,
    ...(policy.runtimes && { runtimes: Object.keys(policy.runtimes) }),
  }
}
