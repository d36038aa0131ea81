import { Failure } from '../platform/errors.ts'
import type { CommandError, CommandErrorCode } from '../protocol/index.ts'
import { shorten } from '../protocol/shorten.ts'

/**
 * Maximum length of a message and of a path, in characters. It is needed because both may quote a command
 * that is as long as a frame.
 */
const MESSAGE_CHARS = 4096
const PATH_CHARS = 1024

/** Failure of a command, sent as the `error` of its result. */
export class CommandFailure extends Failure {
  readonly error: CommandError

  constructor(code: CommandErrorCode, message: string, rest: Omit<CommandError, 'code' | 'message'> = {}) {
    super(code, message, { remedy: rest.remedy })
    this.error = { code, message: shorten(message, MESSAGE_CHARS), ...rest }
    if (rest.path !== undefined) this.error.path = shorten(rest.path, PATH_CHARS)
  }
}
