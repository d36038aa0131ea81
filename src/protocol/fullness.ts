import type * as z from 'zod/mini'
import { shortened } from './rules.ts'

type Test = (value: unknown) => boolean

/**
 * Returns a function that reports whether any text or list in a value has the maximum length that its schema
 * allows. Such a text or list may have been longer before it was read and cut.
 * @returns undefined if the schema never cuts anything
 */
export function fullness(schema: z.core.$ZodType): Test | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod
  const most = shortened.get(schema) ?? Number.POSITIVE_INFINITY
  switch (def.type) {
    case 'string':
      return (value) => (value as string).length >= most
    case 'array': {
      const item = fullness(def.element)
      return (value) => (value as []).length >= most || (item !== undefined && (value as []).some(item))
    }
    case 'optional': {
      const inner = fullness(def.innerType)
      return inner && ((value) => value !== undefined && inner(value))
    }
    case 'object': {
      const fields = Object.entries(def.shape).flatMap(([name, field]) => {
        const test = fullness(field)
        return test ? [{ name, test }] : []
      })
      return (value) => fields.some(({ name, test }) => test((value as Record<string, unknown>)[name]))
    }
    default:
      return undefined
  }
}
