import type { CommandError, CommandErrorCode } from '../protocol/index.ts'

/** A command that cannot be carried out: becomes the `error` of its result. */
export class CommandFailure extends Error {
  readonly error: CommandError

  constructor(code: CommandErrorCode, message: string, rest: Omit<CommandError, 'code' | 'message'> = {}) {
    super(message)
    this.name = 'CommandFailure'
    this.error = { code, message, ...rest }
  }
}
