import type { PermissionRequest } from '../../../protocol/index.ts'
import { fields, text } from './fields.ts'

/**
 * Returns what tells whether a request offers to remember an entry: each of its suggestions, and each of them for the
 * session alone, which is less.
 */
export function offered({ suggestions = [] }: PermissionRequest): (entry: unknown) => boolean {
  const offers = new Set(
    suggestions.flatMap((suggestion) => [suggestion, ...forSession(suggestion)]).map(canonical),
  )
  return (entry) => offers.has(canonical(entry))
}

function forSession(suggestion: unknown): unknown[] {
  const update = fields(suggestion)
  return text(update?.destination) === undefined ? [] : [{ ...update, destination: 'session' }]
}

/** The same text for values that differ in the order of their fields only. */
const canonical = (value: unknown) =>
  JSON.stringify(value, (_key, part: unknown) => {
    const object = fields(part)
    return object ? Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1))) : part
  })
