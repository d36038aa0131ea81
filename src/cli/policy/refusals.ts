import { refusalsOfCommand } from '../../policy/command-refusals.ts'
import type { Program } from '../../policy/rules/runtimes.ts'
import type { Policy } from '../../policy/schema.ts'
import { refusalsOfSpec } from '../../policy/spec-refusals.ts'
import { type Command, SIGNED } from '../../protocol/index.ts'
import type { PolicyRefusal } from '../../protocol/policy-rules.ts'

/** Returns everything that a policy refuses in a command. @param program returns the program of a runtime, if known */
export const refusalsOf = (
  policy: Policy,
  command: Command,
  program: (runtime: string) => Program | undefined,
): PolicyRefusal[] => [
  ...refusalsOfCommand(policy, command),
  ...(command.type === 'agent:start'
    ? refusalsOfSpec(policy, command.spec, program(command.spec.runtime))
    : []),
]

/** Reports whether a policy demands that a person signs a command. */
export const needsSignature = ({ signed_by }: Policy, { type }: Command): boolean =>
  signed_by.length > 0 && SIGNED.includes(type)
