import type { CommandResult, ProtocolError } from '../protocol/index.ts'

/** Maximum length of an unknown type that gets an answer, in characters. */
export const TYPE_CHARS = 128

/**
 * Returns the result for an unknown command. The result is not recorded, so that a newer daemon can still
 * carry out the command.
 */
export const unsupported = (type: string, commandId: string): CommandResult => ({
  type: `${type}:result`,
  command_id: commandId,
  ok: false,
  error: {
    code: 'unsupported',
    message: `This daemon does not support ${type}.`,
    path: 'type',
    remedy: "Use a command that is in the daemon's capabilities, or update the daemon.",
  },
})

/** Returns the error for a message that arrived before the welcome. */
export const early = (type: string, commandId: string | undefined): ProtocolError => ({
  type: 'protocol:error',
  code: 'unexpected',
  message: `${type} arrived before server:welcome.`,
  of_type: type,
  ...(commandId !== undefined && { command_id: commandId }),
})
