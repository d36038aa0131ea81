import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { CommandError } from '../../protocol/index.ts'

/** Returns the error of a failed update, with the output of npm or the new version. */
export function updateFailed({ code, message, remedy, output, stage }: CommandError): UserError {
  const said = output === undefined ? '' : `\n${output.replace(/^/gm, '  | ')}`
  const told = `${message}${stage === undefined || stage === 'resolve' ? '' : ` (at ${stage})`}${said}`
  return new UserError(code, told, {
    ...(remedy !== undefined && { remedy }),
    exitCode: code === 'update_refused' || code === 'update_downgrade' ? EXIT.refused : EXIT.failure,
  })
}
