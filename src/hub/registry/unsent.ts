import type { CommandError } from '../../protocol/index.ts'

/** The error of a command whose key was revoked before a machine could receive the command. */
export const REVOKED = { code: 'key_revoked', message: 'The key that gave this command was revoked.' }

/** The error of a command that nobody wants any longer. */
export const WITHDRAWN = { code: 'order_withdrawn', message: 'The order was withdrawn before it was sent.' }

/** Reports whether a command failed because the hub did not send it. After a restart, the hub may be wrong. */
export const isUnsent = (error: CommandError | undefined) =>
  ['key_revoked', 'version_blocked', 'order_withdrawn'].includes(error?.code ?? '')
