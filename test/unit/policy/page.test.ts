import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'smol-toml'
import { KEYS } from '../../../src/policy/examine.ts'
import { CAREFUL } from '../../../src/policy/schema.ts'

const page = readFileSync(new URL('../../../src/policy/README.md', import.meta.url), 'utf8')
const table = page.slice(page.indexOf('\n## Keys\n'), page.indexOf('\n## Refusals\n'))
const rows = [...table.matchAll(/^\| `([\w.]+)` \|(.*?)\|/gm)].map(([, key, value]) => ({
  key: key!,
  value: value!.trim(),
}))

test('the page on the policy has a row for every key, and no other row', () => {
  assert.deepEqual(rows.map(({ key }) => key).sort(), [...KEYS].sort())
})

test('the defaults on the page are the values of the careful policy', () => {
  for (const { key, value } of rows) {
    const [, shown] = /^`(.*)`$/.exec(value) ?? []
    const actual = key
      .split('.')
      .reduce<unknown>((at, name) => (at as Record<string, unknown>)?.[name], CAREFUL)
    if (shown !== undefined && actual !== undefined)
      assert.deepEqual(parse(`value = ${shown}`).value, actual, key)
    else if (key !== 'version' && key !== 'gate.timeout_s') assert.equal(actual, undefined, key)
  }
})
