import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type * as z from 'zod/mini'
import { Event } from '../../../src/protocol/events.ts'
import { Activity } from '../../../src/protocol/messages.ts'
import { parseFromDaemon } from '../../../src/protocol/parse.ts'

const TEXTS = ['a', '', 'build/x.ts', '0b0e7a4c-2f0c-4c52-9a38-93a2a3f7f6d0', '2026-11-28T05:00:00.000Z']
const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string())

/** Returns values that mostly match a schema, and that exceed no limit: a longer event is replaced, not refused. */
function near(schema: z.core.$ZodType): fc.Arbitrary<unknown> {
  const { def, values } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'string':
    case 'template_literal':
      return text
    case 'number':
      return fc.oneof(
        { weight: 9, arbitrary: fc.nat() },
        { weight: 1, arbitrary: fc.double({ min: -9, max: 9 }) },
      )
    case 'boolean':
      return fc.boolean()
    case 'literal':
    case 'enum':
      return fc.constantFrom(...values!)
    case 'optional':
      return fc.option(near(def.innerType), { nil: undefined })
    case 'default':
      return near(def.innerType)
    case 'pipe':
      return near(def.in)
    case 'array':
      return fc.array(near(def.element), { maxLength: 3 })
    case 'record':
      return fc.dictionary(text, near(def.valueType), { maxKeys: 3 })
    case 'union':
      return fc.oneof(...def.options.map(near))
    case 'object':
      return fc.record(
        Object.fromEntries(Object.entries(def.shape).map(([key, field]) => [key, near(field)])),
      )
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

/** Replaces one field by another value, or adds a field. */
const spoiled = (event: object) =>
  fc
    .tuple(fc.constantFrom('more', ...Object.keys(event)), fc.oneof(fc.jsonValue({ maxDepth: 2 }), text))
    .map(([key, value]) => ({ ...event, [key]: value }))

const anEvent = fc.oneof(...Event._zod.def.options.map(near)).chain((event) => {
  const whole = event as object
  return fc.oneof({ weight: 4, arbitrary: fc.constant(whole) }, { weight: 1, arbitrary: spoiled(whole) })
})

test('a frame of activity is accepted exactly if its schema accepts it, and has the same content', () => {
  const seen = { accepted: 0, refused: 0 }
  const frame = fc.record({
    type: fc.constant('agent:activity'),
    agent_id: fc.oneof({ weight: 9, arbitrary: fc.constant('a') }, { weight: 1, arbitrary: fc.jsonValue() }),
    from: fc.nat(),
    to: fc.nat(),
    events: fc.array(anEvent, { maxLength: 4 }),
  })
  fc.assert(
    fc.property(frame, (made) => {
      const json = JSON.parse(JSON.stringify(made))
      const wanted = Activity.safeParse(json)
      const parsed = parseFromDaemon(JSON.stringify(json))
      assert.equal(parsed.ok, wanted.success, JSON.stringify(json))
      seen[parsed.ok ? 'accepted' : 'refused']++
      if (parsed.ok) assert.deepEqual(Activity.parse(parsed.message), wanted.data)
    }),
    { numRuns: 2000 },
  )
  assert.ok(Math.min(seen.accepted, seen.refused) > 100, JSON.stringify(seen))
})
