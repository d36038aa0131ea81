import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../exit-codes.ts'

/**
 * The one of `known` that `given` names: itself, or the only one that begins with it.
 * @param what what it names, as `agent`
 * @throws UserError when there is none or more than one
 */
export function resolveId(given: string, known: readonly string[], what: string): string {
  if (known.includes(given)) return given
  const matches = known.filter((id) => id.startsWith(given))
  if (matches.length === 1) return matches[0]!
  if (matches.length === 0)
    throw new UserError(
      `${what}_not_found`,
      given === '' ? `There is no ${what} yet.` : `There is no ${what} "${given}".`,
      {
        remedy: `See \`fomular-daemon ${what} list\`.`,
        exitCode: EXIT.refused,
      },
    )
  throw new UserError(`${what}_ambiguous`, `"${given}" could be any of ${matches.join(', ')}.`, {
    remedy: 'Give more of its id.',
    exitCode: EXIT.refused,
  })
}
