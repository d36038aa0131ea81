import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { definitions, jsonSchema, type Schema } from '../../../packaging/schema.ts'
import {
  AgentSpec,
  CloseCode,
  CommandErrorCode,
  Commands,
  Event,
  FromDaemon,
  FromServer,
  HealthProblemCode,
  isCommand,
  Limits,
  parseFromDaemon,
  parseFromServer,
  RefusalCode,
  Results,
} from '../../../src/protocol/index.ts'
import { knownValues } from '../../support/known-values.ts'

const text = readFileSync(new URL('../../../src/protocol/README.md', import.meta.url), 'utf8')

type Example = Record<string, unknown> & { type?: string; kind?: string }
const examples = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json]) => JSON.parse(json!) as Example)
const frames = examples.filter((example): example is Example & { type: string } => example.type !== undefined)
const events = examples.filter(({ kind }) => kind !== undefined)

const schema = jsonSchema('0.0.0')
const ajv = new Ajv2020({ strict: false })
ajv.addSchema(schema, 'protocol')
const accepts = (name: string) => ajv.getSchema(`protocol#/$defs/${name}`)!

const index = schema['x-messages'] as {
  from_daemon: Record<string, Schema>
  from_server: Record<string, Schema>
}
const definitionOf = (type: string) =>
  (index.from_daemon[type] ?? index.from_server[type])!.$ref!.slice('#/$defs/'.length)

const sorted = (values: Iterable<string>) => [...new Set(values)].sort()
const eventKinds = Event.def.options.flatMap((option) => option.shape.kind.def.values)
const resultTypes = Object.keys(Results).map((type) => `${type}:result`)

test('the protocol page has an example of every message, command, result, and event, and no other example', () => {
  assert.deepEqual(
    sorted(frames.map(({ type }) => type)),
    sorted([
      ...Object.keys(FromDaemon),
      ...Object.keys(FromServer),
      ...Object.keys(Commands),
      ...resultTypes,
    ]),
  )
  assert.deepEqual(sorted(events.map(({ kind }) => kind!)), sorted(eventKinds))
  assert.equal(frames.length + events.length, examples.length)
})

test('the schemas parse every example of the protocol page unchanged', () => {
  for (const frame of frames) {
    const { type } = frame
    const parsed =
      Object.hasOwn(FromServer, type) || isCommand(frame)
        ? parseFromServer(JSON.stringify(frame))
        : parseFromDaemon(JSON.stringify(frame))
    assert.deepEqual(parsed, { ok: true, message: frame }, type)
    const result = /^(.+):result$/.exec(type)?.[1]
    if (!result || frame.ok !== true) continue
    const { type: _type, command_id: _id, ok: _ok, ...rest } = frame
    assert.deepEqual(Results[result as keyof typeof Results].parse(rest), rest, type)
  }
  for (const event of events) assert.deepEqual(Event.parse(event), event)
})

test('the JSON Schema accepts every example as a message of its type, and as a frame of its sender', () => {
  for (const frame of frames) {
    const { type } = frame
    const side = Object.hasOwn(index.from_daemon, type) ? 'FromDaemon' : 'FromServer'
    for (const name of [definitionOf(type), side]) {
      const valid = accepts(name)
      assert.ok(valid(frame), `${type} as ${name}: ${ajv.errorsText(valid.errors)}`)
    }
  }
  for (const event of events) assert.ok(accepts('Event')(event), event.kind)
})

test('the JSON Schema refuses the same invalid examples as the schemas', () => {
  const wrong = { an: ['unexpected', 'thing'] }
  let refused = 0
  for (const frame of frames)
    for (const field of Object.keys(frame).filter((key) => key !== 'type'))
      for (const spoilt of [omit(frame, field), { ...frame, [field]: wrong }]) {
        // The sender of the command checks the other fields of a successful result.
        if (frame.type.endsWith(':result') && !['command_id', 'ok', 'error'].includes(field)) continue
        // The schema defines the values that servers write, but daemons accept a refusal with another value.
        if (frame.type === 'server:refuse' && field === 'update_to') continue
        const json = JSON.stringify(spoilt)
        const ours = Object.hasOwn(index.from_server, frame.type)
          ? parseFromServer(json)
          : parseFromDaemon(json)
        assert.equal(accepts(definitionOf(frame.type))(spoilt), ours.ok, `${frame.type} ${json}`)
        refused += ours.ok ? 0 : 1
      }
  assert.ok(refused > 100)
})

const omit = (frame: Example, field: string) =>
  Object.fromEntries(Object.entries(frame).filter(([key]) => key !== field))

/** Returns the codes in the first column of the table that follows the text `after`. */
function firstColumn(after: string): string[] {
  const table = text.slice(text.indexOf(after)).match(/(?:^\|.*\n)+/m)?.[0] ?? ''
  return table
    .split('\n')
    .slice(2)
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, code]) => code!))
}

test('the example of agent:start has every field', () => {
  const start = frames.find(({ type }) => type === 'agent:start')!
  assert.deepEqual(sorted(Object.keys(start.spec as object)), sorted(Object.keys(AgentSpec.shape)))
})

test('the fields that the protocol page calls secret are the fields that the schema marks as secret', () => {
  const { properties = {} } = definitions('input').AgentSpec!
  const marked = Object.keys(properties).filter((name) => properties[name]?.writeOnly === true)
  const said = [...text.matchAll(/^\| `(\w+)` \| secret: /gm)].map(([, name]) => name!)
  assert.deepEqual(sorted(said), sorted(marked))
})

test('the tables of codes and limits match the code', () => {
  assert.deepEqual(sorted(firstColumn('| `error.code`')), sorted(CommandErrorCode.options))
  assert.deepEqual(sorted(firstColumn('These are the codes of problems')), sorted(HealthProblemCode.options))
  assert.deepEqual(sorted(firstColumn('Instead of sending a welcome')), sorted(RefusalCode.options))
  assert.deepEqual(
    sorted(firstColumn('### Faults')),
    sorted(knownValues(definitions('output'))['ProtocolError.code']!),
  )
  const closeCodes = [...text.matchAll(/^\| (4\d{3}) \| `(\w+)` \|/gm)].map(([, code, name]) => [
    name!,
    Number(code),
  ])
  assert.deepEqual(Object.fromEntries(closeCodes), CloseCode)
  const limits = [...text.matchAll(/^\| `(\w+)` (\d+) \|/gm)].map(([, name, value]) => [name!, Number(value)])
  assert.deepEqual(Object.fromEntries(limits), Limits)
})
