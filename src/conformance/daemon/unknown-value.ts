/**
 * Maximum depth of a value of a closed set in a frame, with some margin; deeper levels belong to the runtime.
 */
const LEVELS = 12

/**
 * Returns the path (such as `agents.0.state`) of a value that is missing in its closed set, and was therefore
 * read as another value. Returns undefined if there is no such value.
 */
export function unknownValue(said: unknown, read: unknown, levels = LEVELS): string | undefined {
  if (said === undefined || levels === 0) return undefined
  if (typeof said !== 'object' || said === null) return said === read ? undefined : ''
  for (const [key, value] of Object.entries(read ?? {})) {
    const inner = unknownValue((said as Record<string, unknown>)[key], value, levels - 1)
    if (inner !== undefined) return inner === '' ? key : `${key}.${inner}`
  }
  return undefined
}
