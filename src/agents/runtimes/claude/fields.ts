/** A JSON object whose fields may be anything: read one by one, so that one strange field does not spoil the others. */
export type Fields = Record<string, unknown>

export const fields = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined

export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Finite: JSON can be read with `1e999` in it, which nobody could be told. */
export const number = (value: unknown): number | undefined =>
  Number.isFinite(value) ? (value as number) : undefined

export const integer = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) ? (value as number) : undefined

export const flag = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined)

export const list = (value: unknown): unknown[] | undefined => (Array.isArray(value) ? value : undefined)

export const textList = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? value : undefined

/** What a table has under a name that may be anything. */
export const known = <T>(table: Record<string, T>, name: unknown): T | undefined =>
  typeof name === 'string' && Object.hasOwn(table, name) ? table[name] : undefined

/** Leaves out what is undefined: absent and undefined are the same on the wire, and should be in memory. */
export function compact<T extends object>(value: T): T {
  for (const key in value) if (value[key] === undefined) return copyOf(value)
  return value
}

/** Not by `delete`: objects that something was deleted from are slow from then on. */
function copyOf<T extends object>(value: T): T {
  const copy = {} as T
  for (const key in value) if (value[key] !== undefined) copy[key] = value[key]
  return copy
}
