/** Levels at which a frame may have a value of a closed set, with room; below is what runtimes say. */
const LEVELS = 12

/**
 * Where a frame was read as something else than it says, because the closed set there does not have its value.
 * @returns a path such as `agents.0.state`; undefined where there is none
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
