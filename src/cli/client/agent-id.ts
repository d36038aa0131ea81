import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'

/**
 * Returns the id in `known` that `given` abbreviates: an equal id, or the only id with that prefix.
 * @param what noun for the message, such as `agent`
 * @throws UserError when no id matches, or several do
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
        remedy: `Run \`fomular-daemon ${what} list\` to list them.`,
        exitCode: EXIT.refused,
      },
    )
  throw new UserError(`${what}_ambiguous`, `"${given}" matches several ids: ${matches.join(', ')}.`, {
    remedy: 'Give more characters of the id.',
    exitCode: EXIT.refused,
  })
}
