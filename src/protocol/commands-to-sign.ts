import type { CommandType } from './commands.ts'

/**
 * Commands that must be signed if the policy of the machine demands signatures. The other commands only end
 * agents' work or check the machine.
 */
export const SIGNED: readonly CommandType[] = [
  'agent:start',
  'agent:prompt',
  'agent:permission',
  'agent:answer',
  'agent:configure',
  'agent:resume',
  'agent:remove',
  'agent:merge',
  'agent:discard',
  'workspace:diff',
  'workspace:file',
  'daemon:restart',
  'daemon:update',
]
