import * as z from 'zod/mini'

/** Text that replaces a secret wherever a value is shown or stored. */
export const HIDDEN = '[secret]'

/**
 * Marks a field as secret. A receiver passes the value to its destination, and does not keep it after that.
 * The value appears in no log and no list. In the JSON Schema, the field is `writeOnly`.
 */
export function secret<S extends z.ZodMiniType>(schema: S): S {
  z.globalRegistry.add(schema, { writeOnly: true })
  return schema
}

const isSecret = (schema: z.core.$ZodType) => z.globalRegistry.get(schema)?.writeOnly === true

/**
 * Returns a value with HIDDEN in place of each secret that its schema marks. A secret object keeps the names
 * of its fields. A value without secrets is returned unchanged.
 */
export function withoutSecrets<T>(schema: z.core.$ZodType, value: T): T
export function withoutSecrets(schema: z.core.$ZodType, value: unknown): unknown {
  if (value === undefined || value === null) return value
  if (isSecret(schema)) return hidden(value)
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'catch':
      return withoutSecrets(def.innerType, value)
    case 'pipe':
      return withoutSecrets(def.out, withoutSecrets(def.in, value))
    case 'object':
      return mapped(value, (field, name) =>
        Object.hasOwn(def.shape, name) ? withoutSecrets(def.shape[name]!, field) : field,
      )
    case 'record':
      return mapped(value, (field) => withoutSecrets(def.valueType, field))
    case 'array':
      return Array.isArray(value) ? mapped(value, (item) => withoutSecrets(def.element, item)) : value
    case 'union':
      return def.options.reduce<unknown>((rest, option) => withoutSecrets(option, rest), value)
    default:
      return value
  }
}

/** Reports whether a value contains a secret that its schema marks. */
export const hasSecrets = (schema: z.core.$ZodType, value: unknown): boolean =>
  withoutSecrets(schema, value) !== value

function hidden(value: unknown): unknown {
  if (typeof value !== 'object' || Array.isArray(value)) return HIDDEN
  return mapped(value, () => HIDDEN)
}

/** Maps each part of an object or list. Returns the same object or list if no part changes. */
function mapped(value: unknown, map: (part: unknown, name: string) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const parts = Object.entries(value).map(([name, part]) => [name, map(part, name)] as const)
  if (parts.every(([name, part]) => part === (value as Record<string, unknown>)[name])) return value
  return Array.isArray(value) ? parts.map(([, part]) => part) : Object.fromEntries(parts)
}
