import { UserError } from '../../platform/errors.ts'
import type { CommandError } from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'

/** An update that failed, with what npm or the new version said; the version before still runs. */
export function failed({ code, message, remedy, output, stage }: CommandError, from: string): UserError {
  const said = output === undefined ? '' : `\n${output.replace(/^/gm, '  | ')}`
  const told = `${message} (at ${stage ?? '?'})${said}`
  return new UserError(code, told, {
    remedy: `${remedy === undefined ? '' : `${remedy} `}${from} still runs.`,
    exitCode: code === 'update_refused' || code === 'update_downgrade' ? EXIT.refused : EXIT.failure,
  })
}
