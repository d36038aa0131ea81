import type * as z from 'zod/mini'

export const KIND = { string: 1, number: 2, boolean: 4, null: 8, object: 16, array: 32 } as const
const ANY = 63

export interface Bounds {
  /** Deepest nesting of objects and arrays. */
  nesting: number
  /** Maximum total number of objects, arrays, and their members. */
  values: number
}

/** Limits on the text of a value, checked before it is parsed. */
export interface Rule {
  /** Allowed kinds of value, as bits of KIND. */
  is: number
  /** Maximum length of a string, in UTF-16 units. */
  chars: number
  /** Maximum number of items of an array, or keys of an object. */
  items: number
  /**
   * Present for an object with separate bounds. If an object exceeds these bounds, `Scan.apart` lists it, and
   * the frame has no fault.
   */
  bounds?: Bounds
  /** Present for an array whose place in the frame `Scan.kept` reports. */
  isKept?: true
  /** Fields of an object, by the length of the key in bytes. Any other field may have any value. */
  fields?: readonly (readonly Field[] | undefined)[]
  /** Rule of an array's items, or of a record's values. */
  rest?: Rule
}

interface Field {
  name: string
  key: Uint8Array
  rule: Rule
}

/** Allows anything. */
export const FREE: Rule = { is: ANY, chars: Number.POSITIVE_INFINITY, items: Number.POSITIVE_INFINITY }

/** Returns the kind of the value that begins with this byte; 0 if no value does. */
export function kindOf(byte: number | undefined): number {
  switch (byte) {
    case 0x22:
      return KIND.string
    case 0x7b:
      return KIND.object
    case 0x5b:
      return KIND.array
    case 0x74:
    case 0x66:
      return KIND.boolean
    case 0x6e:
      return KIND.null
    default:
      return byte === 0x2d || (byte !== undefined && byte >= 0x30 && byte <= 0x39) ? KIND.number : 0
  }
}

export const kindNames = (kinds: number) =>
  Object.entries(KIND)
    .filter(([, kind]) => kinds & kind)
    .map(([name]) => name)
    .join(' or ')

/** Maximum lengths of strings and lists that are shortened instead of refused. */
export const shortened = new WeakMap<z.core.$ZodType, number>()
/** Maximum numbers of entries of tables. */
export const entries = new WeakMap<z.core.$ZodType, number>()
/** Schemas that accept any object, and no other value. */
export const objects = new WeakSet<z.core.$ZodType>()

/** Bounds of objects that have separate bounds. */
export const bounded = new WeakMap<z.core.$ZodType, Bounds>()

/** Schemas of arrays whose place in the frame is reported. */
export const kept = new WeakSet<z.core.$ZodType>()

const compiled = new WeakMap<z.core.$ZodType, Rule>()

/**
 * Returns the rule of a schema. The rule is at most as strict as the schema. Parsing checks the other
 * requirements of the schema.
 */
export function ruleOf(schema: z.core.$ZodType): Rule {
  let rule = compiled.get(schema)
  if (!rule) {
    const bounds = bounded.get(schema)
    rule = bounds ? only(KIND.object, { bounds }) : compile(schema)
    compiled.set(schema, rule)
  }
  return rule
}

/** Returns the maximum length of a string or array. */
function maximumOf(schema: z.core.$ZodType): number {
  const checks = shortened.has(schema) ? [] : (schema._zod.def.checks ?? [])
  const maxima = checks.map(({ _zod: { def } }) =>
    def.check === 'max_length' ? (def as z.core.$ZodCheckMaxLengthDef).maximum : Number.POSITIVE_INFINITY,
  )
  return Math.min(...maxima)
}

const only = (is: number, rest: Partial<Rule> = {}): Rule => ({ ...FREE, is, ...rest })

function compile(schema: z.core.$ZodType): Rule {
  const { def } = (schema as z.core.$ZodTypes)._zod
  const most = entries.get(schema) ?? maximumOf(schema)
  switch (def.type) {
    case 'string':
    case 'template_literal':
      return only(KIND.string, { chars: most })
    case 'number':
      return only(KIND.number)
    case 'boolean':
      return only(KIND.boolean)
    case 'literal':
    case 'enum': {
      const values = [...(schema._zod.values ?? [])]
      return only(values.reduce<number>((kinds, value) => kinds | KIND[typeof value as 'string'], 0))
    }
    case 'optional':
    case 'default':
      return ruleOf(def.innerType)
    case 'object': {
      const fields: Field[][] = []
      for (const [name, field] of Object.entries(def.shape)) {
        const key = new TextEncoder().encode(name)
        fields[key.length] = [...(fields[key.length] ?? []), { name, key, rule: ruleOf(field) }]
      }
      return only(KIND.object, { fields })
    }
    case 'record':
      return only(KIND.object, { items: most, rest: ruleOf(def.valueType) })
    case 'array':
      return only(KIND.array, {
        items: most,
        rest: ruleOf(def.element),
        ...(kept.has(schema) && { isKept: true }),
      })
    case 'union':
      return def.options.map(ruleOf).reduce(either)
    case 'pipe':
      return ruleOf(def.in)
    default:
      return objects.has(schema) ? only(KIND.object) : FREE
  }
}

/** Reports whether reading may change a value that matches the schema. */
export function mayChange(schema: z.core.$ZodType): boolean {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (shortened.has(schema)) return true
  switch (def.type) {
    case 'pipe':
    case 'default':
      return true
    case 'optional':
      return mayChange(def.innerType)
    case 'object':
      return Object.values(def.shape).some(mayChange)
    case 'record':
      return mayChange(def.valueType)
    case 'array':
      return mayChange(def.element)
    case 'union':
      return def.options.some(mayChange)
    default:
      return false
  }
}

/**
 * Returns a rule that allows each value that one of the two rules allows. If both rules allow an object, the
 * new rule allows objects with any fields; parsing then checks the fields.
 */
function either(one: Rule, other: Rule): Rule {
  const open = [one, other].filter(({ is }) => is & (KIND.object | KIND.array))
  return {
    is: one.is | other.is,
    chars: Math.max(one.is & KIND.string ? one.chars : 0, other.is & KIND.string ? other.chars : 0),
    items: Math.max(0, ...open.map(({ items }) => items)),
    ...(open.length === 1 && open[0]?.fields && { fields: open[0].fields }),
    ...(open.length === 1 && open[0]?.rest && { rest: open[0].rest }),
  }
}
