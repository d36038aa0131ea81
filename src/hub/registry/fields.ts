/** Names of the fields that a request selects. */
export type Fields = ReadonlySet<string>

/** Returns the selected fields of an entry. */
export function pick(entry: object, fields: Fields | undefined): object {
  if (!fields) return entry
  const picked: Record<string, unknown> = {}
  for (const name of fields)
    if (Object.hasOwn(entry, name)) picked[name] = (entry as Record<string, unknown>)[name]
  return picked
}
