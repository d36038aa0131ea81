import { readdirSync, readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import * as protocol from '../src/protocol/index.ts'

/** JSON Schema, limited to the keywords that the protocol's schemas use. */
export interface Schema {
  $schema?: string
  $id?: string
  $ref?: string
  $defs?: Record<string, Schema>
  title?: string
  description?: string
  type?: string
  const?: unknown
  enum?: unknown[]
  default?: unknown
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: Schema | boolean
  propertyNames?: Schema
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  [keyword: string]: unknown
}

const { Commands, Results, FromDaemon, FromServer, CommandError, CommandId } = protocol
const sources = new URL('../src/protocol/', import.meta.url)

const isSchema = (value: unknown): value is z.ZodMiniType =>
  typeof value === 'object' && value !== null && '_zod' in value

/** Returns the TypeScript name of a message type: `AgentStart` for `agent:start`. */
export const pascal = (type: string) =>
  type.replace(/(?:^|[:_-])([a-z])/g, (_, letter: string) => letter.toUpperCase())

/**
 * Returns the schema of the frame that answers a command. The sources have schemas only for the parts of that
 * frame.
 */
const resultFrame = (type: protocol.CommandType) => {
  const base = { type: z.literal(`${type}:result`), command_id: CommandId }
  return z.union([
    z.object({ ...base, ok: z.literal(true), ...Results[type].shape }),
    z.object({ ...base, ok: z.literal(false), error: CommandError }),
  ])
}

const commandTypes = Object.keys(Commands) as protocol.CommandType[]

/** Schemas by name: the exported schemas, each command, and each command's result. */
const named: Record<string, z.ZodMiniType> = {
  ...Object.fromEntries(Object.entries(protocol).filter(([, value]) => isSchema(value))),
  ...Object.fromEntries(commandTypes.map((type) => [pascal(type), Commands[type]])),
  ...Object.fromEntries(commandTypes.map((type) => [`${pascal(type)}Result`, resultFrame(type)])),
} as Record<string, z.ZodMiniType>

/**
 * Returns the doc comments of the sources by `Name`, `Name.field`, or `Name/discriminator.field`. The
 * formatter gives the sources a fixed layout, so regular expressions are sufficient. Exports are not
 * indented, each field is on its own line, and a discriminator precedes the other fields.
 */
function comments(): Map<string, string> {
  const found = new Map<string, string>()
  for (const file of readdirSync(sources)) {
    if (!file.endsWith('.ts')) continue
    const text = readFileSync(new URL(file, sources), 'utf8')
    let scope = ''
    let branch = ''
    for (const [, comment, name, literal, field] of text.matchAll(
      /(?:\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*)?(?:^(?:export )?const (\w+) =|(?:kind|type): z\.literal\('([\w:]+)'\)|(?<=^ +|\{ |, )(\w+|'[\w:]+'): )/gm,
    )) {
      if (name) [scope, branch] = [name, '']
      if (literal) branch = literal
      if (!comment) continue
      const said = comment.replace(/\s*\n\s*\* ?/g, ' ').trim()
      if (name) found.set(name, said)
      else if (field?.startsWith("'")) found.set(pascal(field.slice(1, -1)), said)
      else if (field) found.set(`${scope}${branch && `/${branch}`}.${field}`, said)
    }
  }
  return found
}

function describe(name: string, schema: Schema, said: Map<string, string>) {
  const about = said.get(name)
  if (about) schema.description = about
  const scope = Object.hasOwn(protocol, name) ? name : 'Commands'
  const visit = (node: Schema, branch: string) => {
    const kind = (node.properties?.kind ?? node.properties?.type)?.const
    if (typeof kind === 'string') branch = `/${kind}`
    for (const [field, child] of Object.entries(node.properties ?? {})) {
      const text = [`${scope}${branch}.${field}`, `${scope}.${field}`, `base.${field}`]
        .map((key) => said.get(key))
        .find(Boolean)
      if (text) child.description = text
      visit(child, branch)
    }
    for (const child of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) visit(child, branch)
    if (node.items) visit(node.items, branch)
  }
  visit(schema, '')
}

/**
 * Returns all named schemas as JSON Schema, with references to each other.
 * @param io `input` for a value to send, whose fields with a default are optional; `output` for a parsed
 *   value
 */
export function definitions(io: 'input' | 'output'): Record<string, Schema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, {
    target: 'draft-2020-12',
    io,
    uri: (id) => `#/$defs/${id}`,
  }) as unknown as { schemas: Record<string, Schema> }
  const said = comments()
  for (const [name, schema] of Object.entries(schemas)) {
    delete schema.$schema
    delete schema.$id
    tidy(schema)
    describe(name, schema, said)
  }
  return schemas
}

/**
 * Removes the limits that zod adds to every integer and key, and `format: ends_with`, which is not standard.
 */
export function tidy(node: Schema) {
  if (node.minimum === Number.MIN_SAFE_INTEGER) delete node.minimum
  if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum
  if (node.propertyNames && Object.keys(node.propertyNames).join() === 'type') delete node.propertyNames
  delete node.format
  // Unknown fields are allowed in both directions.
  if (node.additionalProperties === false) delete node.additionalProperties
  for (const child of Object.values(node)) {
    if (Array.isArray(child)) for (const item of child) if (typeof item === 'object' && item) tidy(item)
    if (typeof child === 'object' && child !== null && !Array.isArray(child)) tidy(child as Schema)
  }
}

/** Returns the name of a schema. */
export function nameOf(schema: z.ZodMiniType): string {
  const name = Object.keys(named).find((key) => named[key] === schema)
  if (!name) throw new Error('a protocol schema has no name')
  return name
}

const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` })
const refs = (table: Record<string, z.ZodMiniType>) =>
  Object.fromEntries(Object.entries(table).map(([type, schema]) => [type, ref(nameOf(schema))]))

/** Returns `schema.json`: every message, and an index of the messages that each side sends. */
export function jsonSchema(version: string): Schema {
  const commands = refs(Commands)
  const results = Object.fromEntries(
    commandTypes.map((type) => [`${type}:result`, ref(`${pascal(type)}Result`)]),
  )
  const fromDaemon = { ...refs(FromDaemon), ...results }
  const fromServer = { ...refs(FromServer), ...commands }
  const {
    HubMachine,
    HubAgent,
    StartRequest,
    Outcome,
    EventPage,
    EnrolmentRequest,
    Enrolment,
    EnrollRequest,
  } = protocol
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:fomular-os:daemon:protocol',
    title: `FomularOS daemon protocol ${protocol.PROTOCOL.version}, as of ${version}`,
    description:
      'Any frame of either side. `x-messages` maps each message type to its definition, by sender.',
    anyOf: [ref('FromDaemon'), ref('FromServer')],
    'x-protocol': protocol.PROTOCOL,
    'x-messages': {
      from_daemon: fromDaemon,
      from_server: fromServer,
      commands: Object.fromEntries(
        commandTypes.map((type) => [type, { command: commands[type], result: results[`${type}:result`] }]),
      ),
      http: refs({
        HubMachine,
        HubAgent,
        StartRequest,
        Outcome,
        EventPage,
        EnrolmentRequest,
        Enrolment,
        EnrollRequest,
      }),
    },
    'x-close-codes': protocol.CloseCode,
    'x-limits': protocol.Limits,
    $defs: {
      FromDaemon: { anyOf: Object.values(fromDaemon) },
      FromServer: { anyOf: Object.values(fromServer) },
      ...definitions('input'),
    },
  }
}
