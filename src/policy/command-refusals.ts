import type { Command } from '../protocol/index.ts'
import type { PolicyRefusal } from './refusal.ts'
import { refusedMode } from './rules/modes.ts'
import { refusedMemory } from './rules/remembered.ts'
import { refusedUpdate } from './rules/updates.ts'
import type { Policy } from './schema.ts'

/** Commands that make an agent do something, or change this machine. */
export const ACTING: readonly Command['type'][] = [
  'agent:start',
  'agent:prompt',
  'agent:permission',
  'agent:answer',
  'agent:configure',
  'agent:resume',
  'daemon:restart',
  'daemon:update',
]

/**
 * Returns the policy's refusals of a command. Does not check a new agent's specification: `refusalsOfSpec`
 * checks it.
 */
export function refusalsOfCommand(policy: Policy, command: Command): PolicyRefusal[] {
  return [...refusedByName(policy, command.type), ...ofType(policy, command)]
}

/** Returns a refusal if the policy refuses all commands of this type. */
export const refusedByName = ({ commands }: Policy, type: Command['type']): PolicyRefusal[] =>
  commands.deny.includes(type)
    ? [{ key: 'commands.deny', message: `The machine's policy refuses ${type}.` }]
    : []

function ofType(policy: Policy, command: Command): PolicyRefusal[] {
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
