/** Memory of a value in addition to its text, in bytes. */
const VALUE_BYTES = 32

/** Returns the approximate memory of a value from a hub, in bytes. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return VALUE_BYTES + value.length * 2
  if (typeof value !== 'object' || value === null) return VALUE_BYTES
  let bytes = VALUE_BYTES
  for (const key in value) bytes += key.length + sizeOf((value as Record<string, unknown>)[key])
  return bytes
}
