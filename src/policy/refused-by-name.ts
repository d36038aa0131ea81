import type { CommandType } from '../protocol/commands.ts'
import type { PolicyRefusal } from './refusal.ts'

/** Commands that make an agent do something, or change this machine. */
export const ACTING: readonly CommandType[] = [
  'agent:start',
  'agent:prompt',
  'agent:permission',
  'agent:answer',
  'agent:configure',
  'agent:resume',
  'daemon:restart',
  'daemon:update',
]

/** Returns a refusal if a policy refuses all commands of this type. @param denied `commands.deny` */
export const refusedByName = (denied: readonly string[], type: CommandType): PolicyRefusal[] =>
  denied.includes(type) ? [{ key: 'commands.deny', message: `The machine's policy refuses ${type}.` }] : []
