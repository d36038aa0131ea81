import * as z from 'zod/mini'

const compiled = new WeakMap<z.ZodMiniType, z.ZodMiniType>()

/** Of a thousand things that are wrong the first is enough. */
const FIRST_FAULT = { abortEarly: true } as object

/** A schema is compiled when it is first used. */
function ready<S extends z.ZodMiniType>(schema: S): S {
  const known = compiled.get(schema) as S | undefined
  if (known) return known
  const made = z.compile(schema)
  compiled.set(schema, made)
  return made
}

/** Checks a value against a schema, up to its first fault. */
export const check = <S extends z.ZodMiniType>(schema: S, value: unknown) =>
  ready(schema).safeParse(value, FIRST_FAULT)

/** Whether a value fits a schema. Makes no copy of it. */
export const fits = (schema: z.ZodMiniType, value: unknown): boolean => z.validate(ready(schema), value)

/** The value with what its schema shortens cut to length; as it is where it does not fit. */
export function shorten<S extends z.ZodMiniType>(schema: S, value: z.output<S>): z.output<S> {
  const checked = check(schema, value)
  return checked.success ? checked.data : value
}
