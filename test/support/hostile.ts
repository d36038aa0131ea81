import type * as z from 'zod/mini'

/**
 * Sequences that control a terminal (title, clipboard, screen, cursor; 7 and 8 bits), and bidirectional text.
 */
const SEQUENCES =
  '\x1b]0;OWNED\x07\x1b]52;c;aA==\x07\x1b[2J\x1bc\x9b31m\x9d0;t\x9c\r\b\x7f\u202e\u2066\u200f\u2028'

/** This text begins a line if line feeds are not removed. */
export const FORGED = 'forged line'

export const hostile = (variant = 0) => `w${variant}${SEQUENCES}\n${FORGED}`

/** Values of strings that must have a special form. Agents of different variants have different ids. */
const narrow = (variant: number) => [
  hostile(variant),
  `/${hostile(variant)}`,
  `a-${variant}`,
  '00000000-0000-4000-8000-000000000000',
  '2026-01-01T00:00:00.000Z',
  'x:result',
  'a'.repeat(64),
]

const NUMBERS = [1, 1000, 0]

/** Number of the variant without optional fields. */
export const BARE = 7
export const VARIANTS = [...Array(BARE + 1).keys()]

const LISTED = { string: 1, record: 1, object: 2, union: 2 } as Record<string, number>

/**
 * Returns a value of a schema, with hostile text in every text field. The variants together contain every
 * value of an enum, every option of a union, and both booleans. A list has one item of each option.
 */
export function sampleOf(schema: z.core.$ZodType, variant = 0): unknown {
  const { def } = (schema as z.core.$ZodTypes)._zod
  const first = (candidates: unknown[]) => {
    const found = candidates.find((each) => (schema as z.ZodMiniType).safeParse(each).success)
    if (found === undefined) throw new Error(`no sample fits ${JSON.stringify(def)}`)
    return found
  }
  switch (def.type) {
    case 'string':
    case 'template_literal':
      return first(narrow(variant))
    case 'number':
      return first(NUMBERS)
    case 'boolean':
      return variant % 2 === 1
    case 'null':
      return null
    case 'literal':
      return def.values[0]
    case 'enum': {
      const values = Object.values(def.entries)
      return values[variant % values.length]
    }
    case 'optional':
    case 'nullable':
    case 'default':
      return sampleOf(def.innerType, variant)
    case 'object':
      return Object.fromEntries(
        Object.entries(def.shape)
          .filter(([, field]) => variant !== BARE || kindOf(field) !== 'optional')
          .map(([name, field]) => [name, sampleOf(field, variant)]),
      )
    case 'record':
      return { [String(sampleOf(def.keyType, variant))]: sampleOf(def.valueType, variant) }
    case 'array': {
      const options = optionsOf(def.element)
      if (options.length > 1) return options.map((option) => sampleOf(option, variant))
      const count = variant % 2 === 0 ? 1 : (LISTED[kindOf(def.element)] ?? 1)
      return Array.from({ length: count }, (_, n) => sampleOf(def.element, variant + n * VARIANTS.length))
    }
    case 'pipe':
      // This is an enum that also accepts unknown values.
      return kindOf(def.out) === 'enum' && variant !== BARE
        ? sampleOf(def.out, variant)
        : sampleOf(def.in, variant)
    case 'catch':
      return sampleOf(def.innerType, variant)
    case 'union':
      return sampleOf(def.options[variant % def.options.length]!, variant)
    case 'unknown':
    case 'custom':
      return first([anything(variant), hostile(variant)])
    default:
      throw new Error(`no sample for ${def.type}`)
  }
}

const kindOf = (schema: z.core.$ZodType) => (schema as z.core.$ZodTypes)._zod.def.type

function optionsOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { def } = (schema as z.core.$ZodTypes)._zod
  return def.type === 'union' ? def.options.flatMap(optionsOf) : [schema]
}

/** Returns an object with the field names that renderers of tool input look for. */
const anything = (variant: number) => {
  const text = hostile(variant)
  const names = ['type', 'text', 'content', 'command', 'description', 'file_path', 'message', 'plan', text]
  const fields = Object.fromEntries(names.map((name) => [name, text]))
  return { ...fields, nested: [text, fields] }
}
