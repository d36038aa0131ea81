import * as z from 'zod/mini'
import { Limits } from './limits.ts'
import { entries, objects, shortened } from './rules.ts'
import { cut } from './shorten.ts'

/** A string of at most `max` UTF-16 units. */
const upTo = (max: number) => z.string().check(z.maxLength(max))

/** An id, a code, a version, or another name that people or programs use. */
export const Name = upTo(Limits.name_chars)
/** Text from a person or a server, such as an answer, but not a prompt. */
export const Words = upTo(Limits.text_chars)

/**
 * Returns a schema that shortens a string to `max` UTF-16 units. Strings in a daemon's report about its
 * machine are shortened, because a server that refused the whole report would know nothing about the machine.
 */
function headOf(max: number) {
  const schema = z.string().check(
    z.overwrite((text) => (text.length > max ? cut(text, max) : text)),
    z.maxLength(max),
  )
  shortened.set(schema, max)
  return schema
}

export const ReportedName = headOf(Limits.name_chars)
export const ReportedPath = headOf(Limits.path_chars)
export const ReportedSentence = headOf(Limits.sentence_chars)
/** Content of a file. */
export const ReportedText = headOf(Limits.text_chars)

/** Returns the schema of a list of at most `max` items. */
export const list = <T extends z.ZodMiniType>(item: T, max: number = Limits.items) =>
  z.array(item).check(z.maxLength(max))

/** Returns the schema of a list. Only the first `max` items of the list are read. */
export function firstOf<T extends z.ZodMiniType>(item: T, max: number) {
  const schema = z.array(item).check(
    z.overwrite((items) => (items.length > max ? items.slice(0, max) : items)),
    z.maxLength(max),
  )
  shortened.set(schema, max)
  return schema
}

/** Returns the schema of a table of at most `max` entries. */
export function table<T extends z.ZodMiniType>(
  key: z.ZodMiniString<string>,
  value: T,
  max: number = Limits.items,
) {
  const schema = z.record(key, value).check(
    z.refine((all) => Object.keys(all).length <= max, {
      error: `Too big: expected at most ${max} items`,
      abort: true,
    }),
  )
  entries.set(schema, max)
  return schema
}

/** A JSON object from a runtime or a newer peer, unchanged. */
export const JsonObject = z
  .unknown()
  .check(z.refine(isObject, 'Invalid input: expected object'))
  .register(z.globalRegistry, { type: 'object', additionalProperties: {} }) as unknown as z.ZodMiniType<
  Record<string, unknown>,
  Record<string, unknown>
>
objects.add(JsonObject)

function isObject(value: unknown) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
