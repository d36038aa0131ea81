import type { CommandResult, ProtocolError } from '../protocol/index.ts'

/** Maximum length of an unknown type that is answered. */
export const TYPE_CHARS = 128

/** The answer to a command that this daemon does not know. It is not remembered: a newer daemon may carry it out. */
export const unsupported = (type: string, commandId: string): CommandResult => ({
  type: `${type}:result`,
  command_id: commandId,
  ok: false,
  error: {
    code: 'unsupported',
    message: `This daemon does not know ${type}.`,
    path: 'type',
    remedy: 'Use what is among its capabilities, or update it.',
  },
})

/** The answer to a message that came before the welcome. */
export const early = (type: string, commandId: string | undefined): ProtocolError => ({
  type: 'protocol:error',
  code: 'unexpected',
  message: `${type} before server:welcome.`,
  of_type: type,
  ...(commandId !== undefined && { command_id: commandId }),
})
