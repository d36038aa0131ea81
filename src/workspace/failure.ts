import { Failure } from '../platform/errors.ts'
import type { CommandErrorCode } from '../protocol/index.ts'

/** A foreseen failure to read or change the folders of an agent. */
export class WorkspaceFailure extends Failure {
  declare readonly code: CommandErrorCode

  constructor(code: CommandErrorCode, message: string, remedy: string) {
    super(code, message, { remedy })
  }
}
