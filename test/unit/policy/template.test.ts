import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'smol-toml'
import { KEYS } from '../../../src/policy/examine.ts'
import { parsePolicy } from '../../../src/policy/read.ts'
import { CAREFUL, OPEN } from '../../../src/policy/schema.ts'
import { policyText } from '../../../src/policy/template.ts'

/** Uncomments every key and table of a file. */
const activated = (text: string) => text.replace(/^# (?=\w+ = |\[)/gm, '')

/** Removes the keys whose values are only examples, according to the comments above them. */
const withoutExamples = (text: string) =>
  text
    .split('\n\n')
    .filter(
      (paragraph) => !/\bExamples?\b|\ban example\b/i.test(paragraph) || paragraph.includes('version = 1'),
    )
    .join('\n\n')

/** Returns the full names of the keys in a file. All keys in a table of runtimes count as one key. */
const keysIn = (table: object, path = ''): string[] =>
  Object.entries(table).flatMap(([key, value]) =>
    typeof value === 'object' && !Array.isArray(value) && key !== 'runtimes'
      ? keysIn(value, `${path}${key}.`)
      : [path + key],
  )

test('the written policy has and explains every key', () => {
  const text = policyText({})
  assert.deepEqual(keysIn(parse(activated(text))).sort(), [...KEYS].sort())
  for (const paragraph of text.split('\n\n').filter((each) => / = /.test(each) && each !== 'version = 1'))
    assert.match(paragraph, /^# [A-Z"][\s\S]*\.\n# /)
})

test('a policy that is written without choices equals the careful default, even if its defaults are uncommented', () => {
  assert.deepEqual(parsePolicy(policyText({}), 'p'), CAREFUL)
  assert.deepEqual(parsePolicy(activated(withoutExamples(policyText({}))), 'p'), CAREFUL)
})

test('every example in the written policy is valid', () => {
  const policy = parsePolicy(activated(policyText({})), 'p')
  assert.equal(policy.mcp.listed.length, 1)
  assert.deepEqual(Object.keys(policy.runtimes ?? {}), ['claude'])
  assert.equal(policy.gate?.timeout_s, 5)
})

test('the written policy has the chosen values', () => {
  const choices = {
    permission_modes: ['plan', 'a "quoted" \\ mode\u007f\n[tools]'],
    'folders.allow': ['/srv', '~/x'],
    'folders.deny': ['/srv/secret'],
    'mcp.servers': 'any',
    'environment.set': [],
  }
  const { permission_modes, folders, mcp, environment, ...rest } = parsePolicy(policyText(choices), 'p')
  assert.deepEqual(permission_modes, choices.permission_modes)
  assert.deepEqual([folders.allow[0], folders.deny], ['/srv', ['/srv/secret']])
  assert.equal(mcp.servers, 'any')
  assert.deepEqual(environment.set, [])
  assert.deepEqual(rest.tools, CAREFUL.tools)
  assert.notEqual(rest.tools.allow.length, OPEN.tools.allow.length)
  assert.throws(() => policyText({ 'folders.alow': [] }), /no such keys/)
})
