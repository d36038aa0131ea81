import { definitions, type Schema } from '../../packaging/schema.ts'

const defs = definitions('input')

/** Samples of strings that a pattern restricts, by the name of the definition. */
const SAMPLES: Record<string, string> = {
  AgentId: 'an-agent',
  CommandId: 'a-command',
  MachineName: 'a machine',
  Uuid: '6f1d2c9e-8a0b-4f1e-9c3d-2b1a0f9e8d7c',
  AbsolutePath: '/srv',
  JournalName: '5be0c2f1',
}
const NOW = '2026-05-04T08:00:00.000Z'

/**
 * Returns a value with every field of a definition, including optional fields and unknown fields.
 * @param name name of the definition, such as `AgentStatus`
 */
export const fullSample = (name: string): object => sampleOf(defs[name]!, name) as object

/** Returns a full sample for each kind of event. */
export const fullEvents = (): { kind: string }[] =>
  defs.Event!.oneOf!.map((event) => sampleOf(event, '') as { kind: string })

/** Returns every value of an enum in the definitions. */
export const valuesOf = (name: string): string[] =>
  (defs[name]!.enum ?? defs[name]!.anyOf?.[0]?.enum) as string[]

function sampleOf(schema: Schema, name: string): unknown {
  if (schema.$ref !== undefined) {
    const definition = schema.$ref.slice('#/$defs/'.length)
    return SAMPLES[definition] ?? sampleOf(defs[definition]!, name)
  }
  if ('const' in schema) return schema.const
  if (schema.enum) return schema.enum[0]
  const [first] = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
  if (first) return sampleOf(first, name)
  if (schema.type === 'string') return /since|until|_at$|^time$/.test(name) ? NOW : `a ${name}`
  if (schema.type === 'boolean') return true
  if (schema.type === 'integer' || schema.type === 'number') return 1
  if (schema.type === 'array') return [sampleOf(schema.items ?? {}, name)]
  if (!schema.properties)
    return {
      of:
        typeof schema.additionalProperties === 'object' ? sampleOf(schema.additionalProperties, 'of') : name,
    }
  const fields = Object.entries(schema.properties).map(([field, child]) => [field, sampleOf(child, field)])
  return { ...Object.fromEntries(fields), of_tomorrow: { any: ['thing'] } }
}
