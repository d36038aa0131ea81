import assert from 'node:assert/strict'
import { test } from 'node:test'
import { boundedJson } from '../../../src/protocol/bounded-json.ts'

const bounds = { nesting: 3, values: 10 }
const parsed = (text: string) => {
  const value = boundedJson(text, bounds)
  assert.deepEqual(boundedJson(new TextEncoder().encode(text), bounds), value)
  return value
}

test('JSON within its bounds is parsed from text and from bytes', () => {
  for (const value of [{ a: [1, { b: 'é[[[[,,,,,,,,,,,,\\"' }] }, [], 'x', 7, true, null, Array(9).fill(0)])
    assert.deepEqual(parsed(` ${JSON.stringify(value)}\n`), value)
})

test('JSON beyond its bounds and invalid JSON are refused', () => {
  const beyond = ['[[[[]]]]', '{"a":{"b":{"c":{}}}}', `[${Array(12).fill('{}')}]`, `[${Array(12).fill(0)}]`]
  const none = ['', ' ', '[', '{"a"', '"', '[}', '[] []', '\uFEFF[]', 'undefined', '[1,]', "{'a':1}"]
  // A naive scanner would treat these brackets as part of a string, but they are outside of strings.
  const astray = [`["\\"]${'['.repeat(20)}`, `"${'['.repeat(20)}`, `{}${'[{},'.repeat(20)}`]
  for (const text of [...beyond, ...none, ...astray]) assert.equal(parsed(text), undefined, text)
})
