import type * as z from 'zod/mini'
import { shortened } from './rules.ts'

/**
 * Whether some text or list in a value that was read is as long as its schema takes it: what was longer has lost its end
 * by then, wherever that was.
 */
export function isFull(schema: z.core.$ZodType, value: unknown): boolean {
  if (value === undefined) return false
  const most = shortened.get(schema) ?? Number.POSITIVE_INFINITY
  if ((value as string | unknown[]).length >= most) return true
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'optional':
      return isFull(def.innerType, value)
    case 'array':
      return (value as unknown[]).some((item) => isFull(def.element, item))
    case 'object':
      return Object.entries(def.shape).some(([name, field]) =>
        isFull(field, (value as Record<string, unknown>)[name]),
      )
    default:
      return false
  }
}
