import * as protocol from '../src/protocol/index.ts'
import { definitions, nameOf, pascal, type Schema } from './schema.ts'

type Definitions = Record<string, Schema>

/** Exported types that describe a value to send, not a parsed value. */
const WRITTEN = new Set(['StartRequest'])

const { CloseCode, Commands, DAEMON_CAPABILITIES, FromDaemon, FromServer, Limits, PROTOCOL } = protocol
const commandTypes = Object.keys(Commands) as protocol.CommandType[]

const literal = (value: unknown) => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value))
const key = (name: string) => (/^\w+$/.test(name) ? name : `'${name}'`)

function doc(text: string | undefined, indent: string): string {
  return text === undefined ? '' : `${indent}/** ${text.replaceAll('*/', '*\\/')} */\n`
}

/** Returns a schema as a TypeScript type. */
function typeOf(schema: Schema, nameOfRef: (name: string) => string, indent = ''): string {
  const inner = (child: Schema, deeper = indent) => typeOf(child, nameOfRef, deeper)
  if (schema.$ref) return nameOfRef(schema.$ref.slice('#/$defs/'.length))
  if ('const' in schema) return literal(schema.const)
  if (schema.enum) return schema.enum.map(literal).join(' | ')
  const options = schema.anyOf ?? schema.oneOf
  if (options) return options.map((option) => `\n${indent}  | ${inner(option, `${indent}    `)}`).join('')
  switch (schema.type) {
    case 'string': {
      const ending = /^\^\[\\s\\S\]\{0,\}([\w:]+)\$$/.exec(String(schema.pattern))
      return ending ? `\`\${string}${ending[1]}\`` : 'string'
    }
    case 'boolean':
      return 'boolean'
    case 'integer':
    case 'number':
      return 'number'
    case 'array': {
      const items = inner(schema.items ?? {})
      return /[|\n]/.test(items) && !items.startsWith('{') ? `(${items})[]` : `${items}[]`
    }
    case 'object':
      return schema.properties
        ? objectOf(schema, inner, indent)
        : `Record<string, ${inner(additional(schema))}>`
    case undefined:
      return 'unknown'
    default:
      throw new Error(`JSON Schema without a TypeScript type: ${JSON.stringify(schema)}`)
  }
}

const additional = ({ additionalProperties }: Schema): Schema =>
  typeof additionalProperties === 'object' ? additionalProperties : {}

function objectOf(schema: Schema, inner: (child: Schema, deeper: string) => string, indent: string): string {
  const fields = Object.entries(schema.properties ?? {})
  const open =
    typeof schema.additionalProperties === 'object' ? [`${indent}  [field: string]: unknown\n`] : []
  if (fields.length + open.length === 0) return 'Record<string, never>'
  const lines = fields.map(([name, child]) => {
    const type = inner(child, `${indent}  `)
    const optional = !schema.required?.includes(name)
    return `${doc(child.description, `${indent}  `)}${indent}  ${key(name)}${optional ? '?' : ''}: ${type}${optional && type !== 'unknown' ? ' | undefined' : ''}\n`
  })
  return `{\n${[...lines, ...open].join('')}${indent}}`
}

/**
 * Returns the names of the types that differ between sending and parsing. They differ if a default fills in a
 * field.
 */
function differing(written: Definitions, read: Definitions): Set<string> {
  const differ = new Set<string>()
  for (let before = -1; before !== differ.size; ) {
    before = differ.size
    for (const name of Object.keys(read)) {
      const mark = (ref: string) => (differ.has(ref) ? `${ref}!` : ref)
      if (typeOf(written[name]!, mark) !== typeOf(read[name]!, (ref) => ref)) differ.add(name)
    }
  }
  return differ
}

const table = (name: string, entries: Record<string, string>, about: string) =>
  `${doc(about, '')}export declare const ${name}: {\n${Object.entries(entries)
    .map(([type, value]) => `  readonly '${type}': ${value}\n`)
    .join('')}}\n`

const constant = (name: string, value: unknown) =>
  `export declare const ${name}: ${JSON.stringify(value, undefined, 2)
    .replaceAll(/^( +)"(\w+)"/gm, '$1readonly $2')
    .replace(/^\[/, 'readonly [')}\n`

const HEAD = `/** A schema: validates a value, drops unknown fields, and fills in defaults. */
export interface Schema<Output, Input = Output> {
  /** @throws an error with \`issues\` for an invalid value */
  parse(value: unknown): Output
  safeParse(value: unknown): Result<Output>
  /** Only for types; absent at run time. */
  readonly _types?: { input: Input; output: Output }
}
export type Result<Output> =
  | { success: true; data: Output; error?: undefined }
  | { success: false; data?: undefined; error: { message: string; issues: readonly Issue[] } }
export interface Issue {
  readonly code: string
  readonly path: readonly PropertyKey[]
  readonly message: string
}
`

const TAIL = `export type CommandType = keyof typeof Commands
type Read<S> = S extends Schema<infer Output, unknown> ? Output : never
export type CommandOf<T extends CommandType> = Read<(typeof Commands)[T]>
export type Command = { [T in CommandType]: CommandOf<T> }[CommandType]
export type ResultOf<T extends CommandType> = Read<(typeof Results)[T]>
export type FromDaemon =
  | { [T in keyof typeof FromDaemon]: Read<(typeof FromDaemon)[T]> }[keyof typeof FromDaemon]
  | CommandResult
export type FromServer = { [T in keyof typeof FromServer]: Read<(typeof FromServer)[T]> }[keyof typeof FromServer]
export type EventKind = Event['kind']
export type Parsed<M> =
  | { ok: true; message: M }
  /** \`error\` is ready to be sent back. An unknown type is no fault: \`error\` is undefined then. */
  | { ok: false; error?: ProtocolError; unknownType?: string }
/** Reads a frame that a server sent. */
export declare function parseFromServer(frame: string): Parsed<FromServer | Command>
/** Parses a frame that a daemon sent. */
export declare function parseFromDaemon(frame: string): Parsed<FromDaemon>
export declare function isCommand(message: { type: string }): message is Command
`

/**
 * Returns the protocol package's \`index.d.ts\`, with every type spelled out, so that users do not need zod.
 */
export function declarations(): string {
  const [written, read] = [definitions('input'), definitions('output')]
  const differ = differing(written, read)
  const writtenName = (name: string) => (differ.has(name) ? `${name}Input` : name)
  const schemaOf = (name: string) => `Schema<${name}${differ.has(name) ? `, ${name}Input` : ''}>`
  const out = [HEAD]
  for (const [name, schema] of Object.entries(read)) {
    const about = doc(schema.description, '')
    const exported = Object.hasOwn(protocol, name)
    const onlyWritten = WRITTEN.has(name)
    if (!onlyWritten) out.push(`${about}export type ${name} = ${typeOf(schema, (ref) => ref)}\n`)
    if (differ.has(name))
      out.push(
        `${about}export type ${onlyWritten ? name : `${name}Input`} = ${typeOf(written[name]!, writtenName)}\n`,
      )
    if (exported)
      out.push(
        `export declare const ${name}: ${onlyWritten ? `Schema<${typeOf(schema, (ref) => ref)}, ${name}>` : schemaOf(name)}\n`,
      )
  }
  const schemas = (of: Record<string, Parameters<typeof nameOf>[0]>) =>
    Object.fromEntries(Object.entries(of).map(([type, schema]) => [type, schemaOf(nameOf(schema))]))
  out.push(
    table('Commands', schemas(Commands), 'Commands that a server may send, by message type.'),
    table(
      'Results',
      Object.fromEntries(commandTypes.map((type) => [type, `Schema<${resultFields(type, read)}>`])),
      'Fields of a successful result besides `type`, `command_id`, and `ok`.',
    ),
    table('FromDaemon', schemas(FromDaemon), 'Messages from daemon to server, except results of commands.'),
    table('FromServer', schemas(FromServer), 'Messages from server to daemon, except commands.'),
    ...Object.entries({ CloseCode, Limits, PROTOCOL, DAEMON_CAPABILITIES }).map(([name, value]) =>
      constant(name, value),
    ),
    TAIL,
  )
  return out.join('\n')
}

function resultFields(type: protocol.CommandType, read: Definitions): string {
  const {
    type: _type,
    command_id: _id,
    ok: _ok,
    ...fields
  } = read[`${pascal(type)}Result`]!.anyOf![0]!.properties!
  const required = read[`${pascal(type)}Result`]!.anyOf![0]!.required!
  return typeOf({ type: 'object', properties: fields, required }, (name) => name, '  ')
}
