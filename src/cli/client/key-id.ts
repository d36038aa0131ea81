import { UserError } from '../../platform/errors.ts'
import type { HubKey } from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'
import { cleanLine } from '../render/clean.ts'

/** Keys in an error, at most. */
const LISTED = 10
/** Characters of an id that do for it. */
const LEAST = 4

/** The key that goes by `given`: its id, else its name, else the beginning of its id. @throws UserError */
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
    remedy: 'See `fomular-daemon hub key list`.',
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
    `"${cleanLine(given, 100)}" could be any of several keys: ${listed.join(', ')}.`,
    { remedy: 'Give its id.', exitCode: EXIT.refused },
  )
}
