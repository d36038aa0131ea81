import type { Context } from 'hono'
import type { Fields } from '../registry/fields.ts'
import { invalid, once } from './query.ts'

/** Maximum number of names in a request. */
const NAMES = 64
/** Fields that every entry keeps, because they identify the entry. */
const IDS = ['machine_id', 'agent_id']

/**
 * Returns the fields that a request selects (`?fields=`); undefined for all fields. Accepts names that this
 * hub does not know, because a newer hub may know them.
 * @throws HttpError
 */
export function fieldsOf(c: Context): Fields | undefined {
  const names = once(c, 'fields')?.split(',')
  if (!names) return undefined
  if (names.length <= NAMES && names.every((name) => /^[a-z_]{1,64}$/.test(name)))
    return new Set([...IDS, ...names])
  throw invalid('fields', `must be names of fields, at most ${NAMES}, with commas between them`)
}
