import type { PermissionRequest } from '../../../protocol/index.ts'
import { fields, text } from './fields.ts'

/**
 * Returns a function that reports whether an entry is one of the rules that the request suggests for later
 * requests. Such a rule may also be limited to the session.
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

/** Returns the same text for values that differ only in the order of their fields. */
const canonical = (value: unknown) =>
  JSON.stringify(value, (_key, part: unknown) => {
    const object = fields(part)
    return object ? Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1))) : part
  })
