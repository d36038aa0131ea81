import * as z from 'zod/mini'

/** Returns a schema that reads one of `values`, and any other string as `fallback`. */
function reader(values: readonly string[], fallback: string | undefined) {
  const said = z.union([z.enum(values), z.string()])
  return z.pipe(
    said,
    z.transform((value: string) => (values.includes(value) ? value : fallback)),
  )
}

/**
 * Returns the schema of a set to which no value will be added, because daemons and servers up to 0.1.0 refuse
 * a whole frame with an unknown value. This schema reads an unknown value as `fallback`, so that the other
 * fields of a newer peer's frame are not lost. A value that is not a string is still a fault.
 */
export function closed<const T extends string>(values: readonly T[], fallback: NoInfer<T>) {
  const read: z.ZodMiniType = z.pipe(reader(values, fallback), z.enum<readonly string[]>(values))
  return read as z.ZodMiniType<T, string>
}

/** Returns the schema of an optional value from such a set. An unknown value is read as absent. */
export function closedOptional<const T extends string>(values: readonly T[]) {
  const known = z.optional(z.enum<readonly string[]>(values))
  const read: z.ZodMiniType = z.pipe(reader(values, undefined), known)
  return z.optional(read as z.ZodMiniType<T | undefined, string>)
}
