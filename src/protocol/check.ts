import * as z from 'zod/mini'

const compiled = new WeakMap<z.ZodMiniType, z.ZodMiniType>()

/** Of a thousand things that are wrong the first is enough. */
const FIRST_FAULT = { abortEarly: true } as object

/** Checks a value against a schema, up to its first fault. A schema is compiled when it is first used. */
export function check<S extends z.ZodMiniType>(schema: S, value: unknown) {
  let ready = compiled.get(schema) as S | undefined
  if (!ready) {
    ready = z.compile(schema)
    compiled.set(schema, ready)
  }
  return ready.safeParse(value, FIRST_FAULT)
}

/** The value with what its schema shortens cut to length; as it is where it does not fit. */
export function shorten<S extends z.ZodMiniType>(schema: S, value: z.output<S>): z.output<S> {
  const checked = check(schema, value)
  return checked.success ? checked.data : value
}
