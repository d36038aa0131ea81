import { definitions, type Schema } from '../../packaging/schema.ts'
import type { Random } from '../chaos/random.ts'

const defs = definitions('input')

/** Maximum depth of optional fields. Deeper objects have only required fields. */
const DEPTH = 6
const NOW = '2026-05-04T08:00:00.000Z'

/** Values of fields that refer to other objects by id or name. */
const NAMED: Record<string, readonly string[]> = {
  agent_id: ['a1', 'a2', 'a3', 'a4'],
  machine_id: ['m1', 'm2'],
  request_id: ['r1', 'r2'],
  session_id: ['6f1d2c9e-8a0b-4f1e-9c3d-2b1a0f9e8d7c'],
  runtime: ['claude', 'claude', 'claude', 'constructor'],
  cwd: ['/tmp', '/', '/nowhere'],
  version: ['0.1.0', 'latest'],
}

/** Returns a random value that fits a definition of the protocol, such as `AgentStart`. */
export const generated = (name: string, random: Random): Record<string, unknown> =>
  from(defs[name]!, '', random, 0) as Record<string, unknown>

function from(schema: Schema, name: string, random: Random, depth: number): unknown {
  const named = NAMED[name]
  if (named && (schema.type === 'string' || schema.$ref !== undefined || schema.anyOf))
    return random.pick(named)
  if (schema.$ref !== undefined) return ofReference(schema.$ref.slice('#/$defs/'.length), name, random, depth)
  if ('const' in schema) return schema.const
  if (schema.enum) return random.pick(schema.enum)
  const branches = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
  if (branches.length > 0) return from(random.pick(branches), name, random, depth)
  switch (schema.type) {
    case 'string':
      return text(name, random)
    case 'boolean':
      return random.chance(0.5)
    case 'integer':
    case 'number':
      return random.pick([0, 1, 2, 7, 100, 5000])
    case 'array':
      return Array.from({ length: random.pick([0, 1, 1, 2, 5]) }, () =>
        from(schema.items ?? {}, name, random, depth + 1),
      )
  }
  return schema.properties ? object(schema, random, depth) : free(schema, random, depth)
}

function ofReference(definition: string, name: string, random: Random, depth: number): unknown {
  if (definition === 'CommandId') return `c${random.int(0, 1e9)}`
  if (definition === 'Uuid') return `6f1d2c9e-8a0b-4f1e-9c3d-${String(random.int(0, 1e9)).padStart(12, '0')}`
  if (definition === 'AbsolutePath') return random.pick(NAMED.cwd!)
  if (definition === 'JournalName') return '5be0c2f1'
  return from(defs[definition]!, name, random, depth)
}

const text = (name: string, random: Random): string =>
  /since|until|_at$|^time$/.test(name)
    ? NOW
    : random.pick([
        '',
        'a',
        'some words',
        `a ${name}`,
        'line\nline',
        'ünïcödé 🙂',
        'x'.repeat(random.int(0, 300)),
      ])

function object({ properties = {}, required = [] }: Schema, random: Random, depth: number) {
  const fields = Object.entries(properties).filter(
    ([field]) => required.includes(field) || (depth < DEPTH && random.chance(0.4)),
  )
  return Object.fromEntries(fields.map(([field, child]) => [field, from(child, field, random, depth + 1)]))
}

function free({ additionalProperties }: Schema, random: Random, depth: number) {
  const value = typeof additionalProperties === 'object' ? additionalProperties : undefined
  if (value === undefined) return random.pick([{}, { a: 1 }, 'x', null, [1]])
  return Object.fromEntries(
    ['a', 'b'].slice(0, random.int(0, 2)).map((key) => [key, from(value, key, random, depth + 1)]),
  )
}
