/** The protocol this package speaks, and the oldest it still understands. Raised only by incompatible changes. */
export const PROTOCOL = { version: 1, minimum: 1 } as const

/** Named abilities; each side uses only what the other has announced. */
export const DAEMON_CAPABILITIES = [
  'agent:start',
  'agent:prompt',
  'agent:interrupt',
  'agent:permission',
  'agent:answer',
  'agent:configure',
  'agent:stop',
  'agent:resume',
  'agent:remove',
  'machine:check',
  'daemon:restart',
  'daemon:update',
  'journal:generations',
] as const
