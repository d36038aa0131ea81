import * as z from 'zod/mini'

const compiled = new WeakMap<z.ZodMiniType, z.ZodMiniType>()

/** Stop at the first fault, because no caller uses further faults. */
const FIRST_FAULT = { abortEarly: true } as object

/** Compiles a schema at its first use. */
function ready<S extends z.ZodMiniType>(schema: S): S {
  const known = compiled.get(schema) as S | undefined
  if (known) return known
  const made = z.compile(schema)
  compiled.set(schema, made)
  return made
}

/** Checks a value against a schema, and stops at the first fault. */
export const check = <S extends z.ZodMiniType>(schema: S, value: unknown) =>
  ready(schema).safeParse(value, FIRST_FAULT)

/**
 * Checks one value like `check`, but without compiling the schema. Compiling takes longer than checking a
 * value, so this is faster for a schema that is used once.
 */
export const checkOnce = <S extends z.ZodMiniType>(schema: S, value: unknown) =>
  schema.safeParse(value, FIRST_FAULT)

/** Reports whether a value matches a schema, without copying the value. */
export const fits = (schema: z.ZodMiniType, value: unknown): boolean => z.validate(ready(schema), value)

/**
 * Shortens texts and lists that are too long, and returns the new value. Returns the value unchanged if it
 * does not match the schema.
 */
export function shortenTo<S extends z.ZodMiniType>(schema: S, value: z.output<S>): z.output<S> {
  const checked = check(schema, value)
  return checked.success ? checked.data : value
}
