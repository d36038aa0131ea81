import type { CommandError, CommandErrorCode, UpdateProgress } from '../protocol/index.ts'

export type Stage = UpdateProgress['stage']

export type UpdateErrorCode = Extract<CommandErrorCode, `update_${string}`>

/** Last characters of what npm, or a version that was tried, said: enough for its own explanation. */
const OUTPUT_CHARS = 2000

/** Why an update did not come about. The version that ran before still does. */
export class UpdateFailure extends Error {
  readonly error: CommandError

  constructor(
    code: UpdateErrorCode,
    stage: Stage,
    message: string,
    { output, remedy, cause }: { output?: string; remedy?: string; cause?: unknown } = {},
  ) {
    super(message, { cause })
    this.name = 'UpdateFailure'
    const said = output?.trim().slice(-OUTPUT_CHARS)
    this.error = { code, message, stage, ...(said && { output: said }), ...(remedy && { remedy }) }
  }

  /** One that was recorded. */
  static of(error: CommandError): UpdateFailure {
    return Object.assign(new UpdateFailure('update_failed', 'resolve', error.message), { error })
  }
}
