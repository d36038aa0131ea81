/**
 * The protocol version of this package, and the oldest version that this package understands. Only
 * incompatible changes increase these numbers.
 */
export const PROTOCOL = { version: 1, minimum: 1 } as const

/** Features of the daemon, by name. A server uses only features that the daemon lists. */
export const DAEMON_CAPABILITIES = [
  'agent:start',
  'agent:prompt',
  'agent:interrupt',
  'agent:withdraw',
  'agent:permission',
  'agent:answer',
  'agent:configure',
  'agent:stop',
  'agent:resume',
  'agent:remove',
  'agent:worktree',
  'agent:merge',
  'agent:discard',
  'workspace:diff',
  'workspace:file',
  'machine:check',
  'daemon:restart',
  'daemon:update',
  'journal:generations',
] as const
