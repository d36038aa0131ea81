/**
 * Maximum depth in a frame at which a field with a closed set of values can occur, plus a margin. Deeper
 * levels contain data of the runtime.
 */
const LEVELS = 12

/**
 * Returns the path (such as `agents.0.state`) of a value that is not in the closed set of its field, and was
 * therefore read as another value. Returns undefined if there is no such value.
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
