import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { HubKey } from '../../protocol/index.ts'
import { cleanLine } from '../render/clean.ts'

/** Maximum number of keys that an error lists. */
const LISTED = 10
/** Minimum length of an abbreviated id, in characters. */
const LEAST = 4

/**
 * Returns the key that `given` names. Tries the id, the name, and a prefix of the id, in this order.
 * @throws UserError
 */
export function pickKey(keys: readonly HubKey[], given: string): HubKey {
  const ways: ((key: HubKey) => boolean)[] = [
    ({ key_id }) => key_id === given,
    ({ name }) => name === given.normalize(),
    ({ key_id }) => given.length >= LEAST && key_id.startsWith(given),
  ]
  for (const way of ways) {
    const found = keys.filter(way)
    if (found.length === 1) return found[0]!
    if (found.length > 1) throw ambiguous(found, given)
  }
  throw new UserError('key_not_found', `There is no key "${cleanLine(given, 100)}".`, {
    remedy: 'Run `fomular-daemon hub key list` to list them.',
    exitCode: EXIT.refused,
  })
}

function ambiguous(found: HubKey[], given: string): UserError {
  const listed = found
    .slice(0, LISTED)
    .map(({ key_id, name }) => `${cleanLine(key_id, 12)} (${cleanLine(name, 64)})`)
  if (found.length > LISTED) listed.push('…')
  return new UserError(
    'key_ambiguous',
    `"${cleanLine(given, 100)}" matches several keys: ${listed.join(', ')}.`,
    { remedy: 'Give the id of one key.', exitCode: EXIT.refused },
  )
}
