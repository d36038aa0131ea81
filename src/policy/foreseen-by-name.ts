import type { CommandType } from '../protocol/commands.ts'
import { ACTING, type PolicyRefusal, refusedByName } from '../protocol/policy-rules.ts'
import type { MachinePolicy } from '../protocol/status.ts'

/** Commands with fields that a reported policy limits. `foreseenRefusals` also checks these fields. */
export const WITH_LIMITS: readonly CommandType[] = ['agent:start', 'agent:configure']

/** Predicts from a machine's report on its policy whether the machine would refuse a type of command. */
export const foreseenByName = (reported: MachinePolicy, type: CommandType): PolicyRefusal[] =>
  reported.state === 'unreadable' && ACTING.includes(type)
    ? [{ key: 'policy', message: "The machine's policy cannot be read, so nothing is started." }]
    : refusedByName(reported.commands_denied ?? [], type)
