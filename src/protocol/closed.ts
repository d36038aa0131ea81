import * as z from 'zod/mini'

/** Reads one of `values`, or else any string as `fallback`. */
function reader(values: readonly string[], fallback: string | undefined) {
  const said = z.union([z.enum(values), z.string()])
  return z.pipe(
    said,
    z.transform((value: string) => (values.includes(value) ? value : fallback)),
  )
}

/**
 * A set that gains no value: daemons and servers up to 0.1.0 refuse the whole frame for one that they do not know. Here
 * such a value is read as `fallback`, so that what else a newer peer says is not lost. No string at all is still a fault.
 */
export function closed<const T extends string>(values: readonly T[], fallback: NoInfer<T>) {
  const read: z.ZodMiniType = z.pipe(reader(values, fallback), z.enum<readonly string[]>(values))
  return read as z.ZodMiniType<T, string>
}

/** The same for a value that may be left out, as an unknown one then is. */
export function closedOptional<const T extends string>(values: readonly T[]) {
  const known = z.optional(z.enum<readonly string[]>(values))
  const read: z.ZodMiniType = z.pipe(reader(values, undefined), known)
  return z.optional(read as z.ZodMiniType<T | undefined, string>)
}
