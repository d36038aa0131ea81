import type { CommandType } from '../../protocol/commands.ts'
import { SIGNED } from '../../protocol/commands-to-sign.ts'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import {
  ACTING,
  type PolicyRefusal,
  refusedByName,
  refusedMode,
  refusedRuntimeName,
  refusedSystemPrompt,
  refusedTools,
} from '../../protocol/policy-rules.ts'
import type { AgentSpec } from '../../protocol/spec.ts'

/** The parts of a specification that a machine's policy may refuse. */
export type Asked = Partial<
  Pick<AgentSpec, 'runtime' | 'permission_mode' | 'allowed_tools' | 'system_prompt'>
>

/**
 * Returns why a machine would refuse a command, from its report on its policy. Only the machine itself can
 * check folders, because of links. A disconnected machine may have another policy by the time it receives the
 * command, so nothing is refused then.
 */
export function foreseen(
  machine: HubMachine | undefined,
  type: CommandType,
  asked: Asked = {},
): PolicyRefusal[] {
  const policy = machine?.connected ? machine.status.policy : undefined
  if (!policy) return []
  if (policy.signed && SIGNED.includes(type))
    return [
      {
        key: 'signed_by',
        message:
          'The machine carries out only commands that a person has signed. A browser cannot sign: use the command line with --sign-key.',
      },
    ]
  if (policy.state === 'unreadable' && ACTING.includes(type))
    return [{ key: 'policy', message: "The machine's policy cannot be read, so nothing is started." }]
  const named = refusedByName(policy.commands_denied ?? [], type)
  const modes = { permission_modes: policy.permission_modes ?? ['*'] }
  if (type === 'agent:configure' && asked.permission_mode !== undefined)
    return [...named, ...refusedMode(modes, asked.permission_mode)]
  if (type !== 'agent:start') return named
  return [
    ...named,
    ...(asked.runtime === undefined ? [] : refusedRuntimeName(policy.runtimes, asked.runtime)),
    ...refusedMode(modes, asked.permission_mode),
    ...refusedTools({ tools: { allow: policy.tools_allowed ?? ['*'] } }, asked.allowed_tools ?? []),
    ...refusedSystemPrompt({ system_prompt: policy.system_prompt ?? 'replace' }, asked.system_prompt),
  ]
}
