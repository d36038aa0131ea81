/**
 * A JSON object with unchecked fields. Each field is read separately, so that an invalid field does not
 * invalidate the others.
 */
export type Fields = Record<string, unknown>

export const fields = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined

export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Returns a finite number: `1e999` in JSON parses to Infinity, which cannot be stringified. */
export const number = (value: unknown): number | undefined =>
  Number.isFinite(value) ? (value as number) : undefined

export const integer = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) ? (value as number) : undefined

export const flag = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined)

export const list = (value: unknown): unknown[] | undefined => (Array.isArray(value) ? value : undefined)

export const textList = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? value : undefined

/** Looks up an untrusted name in a table. */
export const known = <T>(table: Record<string, T>, name: unknown): T | undefined =>
  typeof name === 'string' && Object.hasOwn(table, name) ? table[name] : undefined

/** Removes undefined fields, because JSON does not distinguish between absent and undefined fields. */
export function compact<T extends object>(value: T): T {
  for (const key in value) if (value[key] === undefined) return copyOf(value)
  return value
}

/** Copies the object, because `delete` would make it slow. */
function copyOf<T extends object>(value: T): T {
  const copy = {} as T
  for (const key in value) if (value[key] !== undefined) copy[key] = value[key]
  return copy
}
