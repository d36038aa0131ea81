import type { Command } from '../protocol/index.ts'
import { type PolicyRefusal, refusedByName, refusedMode } from '../protocol/policy-rules.ts'
import { refusedMemory } from './rules/remembered.ts'
import { refusedUpdate } from './rules/updates.ts'
import type { Policy } from './schema.ts'

/**
 * Returns the policy's refusals of a command. Does not check a new agent's specification: `refusalsOfSpec`
 * checks it.
 */
export function refusalsOfCommand(policy: Policy, command: Command): PolicyRefusal[] {
  return [...refusedByName(policy.commands.deny, command.type), ...refusalsOfFields(policy, command)]
}

/** Returns the refusals of the fields of a command. */
export function refusalsOfFields(policy: Policy, command: Command): PolicyRefusal[] {
  switch (command.type) {
    case 'agent:configure':
      return command.permission_mode === undefined ? [] : refusedMode(policy, command.permission_mode)
    case 'agent:permission':
      return refusedMemory(policy, command.remember ?? [])
    case 'daemon:update':
      return refusedUpdate(policy, command.version, new Date())
    default:
      return []
  }
}
