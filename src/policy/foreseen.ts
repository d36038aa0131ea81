import { type Command, Commands, type MachinePolicy } from '../protocol/index.ts'
import type { PolicyRefusal } from '../protocol/policy-rules.ts'
import { refusalsOfFields } from './command-refusals.ts'
import { foreseenByName, WITH_LIMITS } from './foreseen-by-name.ts'
import { OPEN, type Policy } from './schema.ts'
import { refusalsOfSpec } from './spec-refusals.ts'

/** A command without its ids. Fields of its specification that have defaults may be absent. */
export type Intended =
  | { type: 'agent:start'; spec: object }
  | { type: Exclude<Command['type'], 'agent:start'>; permission_mode?: string }

/**
 * Predicts which parts of a command a machine would refuse, from the machine's report on its policy. Only the
 * machine itself can check folders (because of links), the definitions of listed MCP servers, and the
 * programs of runtimes.
 */
export function foreseenRefusals(reported: MachinePolicy, intended: Intended): PolicyRefusal[] {
  const { type } = intended
  const byName = foreseenByName(reported, type)
  if (!WITH_LIMITS.includes(type)) return byName
  const ids = { command_id: 'foreseen', agent_id: 'foreseen' }
  const parsed = Commands[type].safeParse({ ...ids, ...intended })
  // The hub will refuse an invalid command. If the command only lacks fields so far, the policy does not check
  // these fields.
  if (!parsed.success) return byName
  const command: Command = parsed.data
  const policy = policyOf(reported)
  const refusals = [...byName, ...refusalsOfFields(policy, command)]
  if (command.type !== 'agent:start') return refusals
  const listed = reported.mcp_listed ?? []
  const servers = Object.entries(command.spec.mcp_servers ?? {}).filter(([name]) => !listed.includes(name))
  const spec = { ...command.spec, mcp_servers: Object.fromEntries(servers) }
  return [...refusals, ...refusalsOfSpec(policy, spec)]
}

/**
 * Returns a policy with the reported keys; all other keys permit everything. A newer machine may report a
 * value that this version does not know: the key then also permits everything.
 */
function policyOf(reported: MachinePolicy): Policy {
  const known = <T extends string>(words: readonly T[], word: string | undefined, otherwise: T) =>
    words.find((each) => each === word) ?? otherwise
  const { runtimes } = reported
  return {
    ...OPEN,
    ...(runtimes && { runtimes: Object.fromEntries(runtimes.map((name) => [name, {}])) }),
    permission_modes: reported.permission_modes ?? OPEN.permission_modes,
    tools: { ...OPEN.tools, allow: reported.tools_allowed ?? OPEN.tools.allow },
    mcp: { servers: known(['none', 'listed', 'any'], reported.mcp_servers, 'any'), listed: [] },
    environment: { ...OPEN.environment, set: reported.environment ?? OPEN.environment.set },
    system_prompt: known(['none', 'append', 'replace'], reported.system_prompt, 'replace'),
    commands: { deny: reported.commands_denied ?? [] },
  }
}
