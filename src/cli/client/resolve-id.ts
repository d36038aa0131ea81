import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { cleanLine } from '../render/clean.ts'

/** Maximum number of ids that an error lists, and maximum length of an id in it. */
const LISTED = 10
const ID_CHARS = 100

interface Resolving {
  /** Noun for messages and codes, such as `agent`. */
  what: string
  /** Command that lists the ids, without the program's name. */
  list?: string
  /** Minimum length of an abbreviated id, in characters. */
  least?: number
}

/**
 * Returns the id in `known` that `given` abbreviates: an equal id, or the only id with that prefix.
 * @throws UserError when no id matches, or several do
 */
export function resolveId(
  given: string,
  known: readonly string[],
  { what, list = `${what} list`, least = 0 }: Resolving,
): string {
  if (known.includes(given)) return given
  const matches = given.length < least ? [] : known.filter((id) => id.startsWith(given))
  if (matches.length === 1) return matches[0]!
  const shown = cleanLine(given, ID_CHARS)
  if (matches.length === 0)
    throw new UserError(
      `${what}_not_found`,
      given === '' ? `There is no ${what} yet.` : `There is no ${what} "${shown}".`,
      { remedy: `Run \`fomular-daemon ${list}\` to list them.`, exitCode: EXIT.refused },
    )
  const listed = matches.slice(0, LISTED).map((id) => cleanLine(id, ID_CHARS))
  const more = matches.length > LISTED ? ', …' : ''
  throw new UserError(`${what}_ambiguous`, `"${shown}" matches several ids: ${listed.join(', ')}${more}.`, {
    remedy: 'Give more characters of the id.',
    exitCode: EXIT.refused,
  })
}
