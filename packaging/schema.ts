import { readdirSync, readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import * as protocol from '../src/protocol/index.ts'

/** JSON Schema, as far as this package's schemas make use of it. */
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

/** `agent:start` → `AgentStart` */
export const pascal = (type: string) =>
  type.replace(/(?:^|[:_-])([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** The whole frame that answers a command: the code knows its parts only. */
const resultFrame = (type: protocol.CommandType) => {
  const base = { type: z.literal(`${type}:result`), command_id: CommandId }
  return z.union([
    z.object({ ...base, ok: z.literal(true), ...Results[type].shape }),
    z.object({ ...base, ok: z.literal(false), error: CommandError }),
  ])
}

const commandTypes = Object.keys(Commands) as protocol.CommandType[]

/** Every schema that has a name: those that are exported, each command, and each command's answer. */
const named: Record<string, z.ZodMiniType> = {
  ...Object.fromEntries(Object.entries(protocol).filter(([, value]) => isSchema(value))),
  ...Object.fromEntries(commandTypes.map((type) => [pascal(type), Commands[type]])),
  ...Object.fromEntries(commandTypes.map((type) => [`${pascal(type)}Result`, resultFrame(type)])),
} as Record<string, z.ZodMiniType>

/**
 * Doc comments of the sources, by `Name`, `Name.field`, or `Name/discriminator.field`. The sources are formatted by
 * machine, so that their lines say enough: an export at the margin, one field a line, a literal before its fields.
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
 * All named schemas as JSON Schema, with references to each other.
 * @param io what is written (`input`: fields with a default may be left out) or what has been read (`output`)
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

/** What zod says of every integer and every key is noise to a reader, and `format: ends_with` is no known format. */
function tidy(node: Schema) {
  if (node.minimum === Number.MIN_SAFE_INTEGER) delete node.minimum
  if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum
  if (node.propertyNames && Object.keys(node.propertyNames).join() === 'type') delete node.propertyNames
  delete node.format
  // What is left out of a schema is tolerated, in what is read as in what is written.
  if (node.additionalProperties === false) delete node.additionalProperties
  for (const child of Object.values(node)) {
    if (Array.isArray(child)) for (const item of child) if (typeof item === 'object' && item) tidy(item)
    if (typeof child === 'object' && child !== null && !Array.isArray(child)) tidy(child as Schema)
  }
}

/** The name under which a schema is known. */
export function nameOf(schema: z.ZodMiniType): string {
  const name = Object.keys(named).find((key) => named[key] === schema)
  if (!name) throw new Error('a schema of the protocol has no name')
  return name
}

const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` })
const refs = (table: Record<string, z.ZodMiniType>) =>
  Object.fromEntries(Object.entries(table).map(([type, schema]) => [type, ref(nameOf(schema))]))

/** `schema.json`: every message, and an index of who sends which. */
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
      'Any frame of either side. `x-messages` says which definition each message type has, by who sends it.',
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
