import * as z from 'zod/mini'
import { compileSchema } from './compile-schema.ts'

const compiled = new WeakMap<z.ZodMiniType, z.ZodMiniType>()
const uses = new WeakMap<z.ZodMiniType, number>()

/**
 * Number of uses after which a schema is compiled. Compiling takes as long as checking many values, so a
 * process that has just started checks its first values without it.
 */
const COMPILED_AFTER = 8
/** Length of a value's text, in characters, from which compiling its schema takes less time than it saves. */
export const LONG_CHARS = 256 * 1024

/** Stop at the first fault, because no caller uses further faults. */
const FIRST_FAULT = { abortEarly: true } as object

/**
 * Returns the compiled form of a schema that is used often or for a long text; of others, the schema itself. In
 * a page that forbids code made from text, checks run without it.
 */
function ready<S extends z.ZodMiniType>(schema: S, length: number): S {
  if (z.config().jitless) return schema
  const known = compiled.get(schema) as S | undefined
  if (known) return known
  const count = (uses.get(schema) ?? 0) + 1
  uses.set(schema, count)
  if (count <= COMPILED_AFTER && length < LONG_CHARS) return schema
  const made = compileSchema(schema)
  compiled.set(schema, made)
  return made
}

/**
 * Checks a value against a schema, and stops at the first fault.
 * @param length length of the value's text, if it may be long
 */
export const check = <S extends z.ZodMiniType>(schema: S, value: unknown, length = 0) =>
  ready(schema, length).safeParse(value, FIRST_FAULT)

/**
 * Checks one value like `check`, but without compiling the schema. Compiling takes longer than checking a
 * value, so this is faster for a schema that is used once.
 */
export const checkOnce = <S extends z.ZodMiniType>(schema: S, value: unknown) =>
  schema.safeParse(value, FIRST_FAULT)

/** Reports whether a value matches a schema, without copying the value. */
export const fits = (schema: z.ZodMiniType, value: unknown, length: number): boolean =>
  z.validate(ready(schema, length), value)

/**
 * Shortens texts and lists that are too long, and returns the new value. Returns the value unchanged if it
 * does not match the schema.
 */
export function shortenTo<S extends z.ZodMiniType>(schema: S, value: z.output<S>): z.output<S> {
  const checked = check(schema, value)
  return checked.success ? checked.data : value
}
