import assert from 'node:assert/strict'
import { test } from 'node:test'
import { colors } from '../../../src/cli/render/ansi.ts'
import { permissionText } from '../../../src/cli/render/permission.ts'
import type { PermissionRequest } from '../../../src/protocol/index.ts'

const request = (rest: Partial<PermissionRequest>): PermissionRequest => ({
  request_id: 'r',
  ask: 'tool',
  tool: 'Bash',
  input: {},
  ...rest,
})
const text = (rest: Partial<PermissionRequest>) => permissionText(request(rest), colors(false))
/** A long text that is dangerous only at its end. */
const long = (end: string) => `${'echo safe\n'.repeat(2000)}${end}`

test('a permission request is shown completely, up to its last character', () => {
  assert.match(
    text({ input: { command: long('rm -rf /') } }),
    /rm -rf \/\n +\(end of the request: 2\d{3} lines\)$/,
  )
  assert.match(text({ input: { command: `echo ${'x'.repeat(9000)}; rm -rf /` } }), /; rm -rf \/$/)
  assert.match(text({ tool: 'Write', input: { file_path: '/x', content: long('last line') } }), /last line\n/)
  assert.match(text({ ask: 'plan', input: { plan: long('drop it all') } }), /drop it all\n/)
  assert.match(text({ tool: 'mcp__x', input: { edits: [{ new: long('the end') }] } }), /the end/)
})

test('a question is shown completely, with its options', () => {
  const questions = [
    {
      question: `${'q'.repeat(5000)}?`,
      options: [{ label: `${'l'.repeat(500)}!`, description: `${'d'.repeat(900)}.` }],
    },
  ]
  assert.match(text({ ask: 'question', questions }), /q\?\n +1\. l+! - d+\.$/)
})

test('a description is shown once if it is also in the input, and is not hidden if it is only in the input', () => {
  const shown = text({ description: 'Lists', input: { command: 'ls', description: 'Lists' } })
  assert.equal(shown, '? asks to use Bash: ls\n  Described as: Lists')
  assert.match(
    text({ tool: 'mcp__issue', input: { title: 'a', description: 'secret' } }),
    /description: secret/,
  )
})

test('control characters in a permission request are shown, and do not control the terminal', () => {
  assert.doesNotMatch(text({ input: { command: 'ls\x1b[2J\nrm' } }), /\x1b/)
})

test('a permission request names its sub-agent and its reason', () => {
  const asks = (rest: Partial<PermissionRequest>) =>
    permissionText(request({ input: { command: 'ls' }, ...rest }), colors(false)).split('\n')
  const one = asks({ subagent_id: 'a1', subagent: 'Read the docs', reason: 'Not in\x1b[2J a folder of it' })
  const two = asks({ subagent_id: 'a2', ask: 'plan', input: { plan: 'Go' }, blocked_path: '/srv' })
  assert.equal(one[0], '? sub-agent "Read the docs": asks to use Bash: ls')
  assert.ok(one.includes('  Why it asks: Not in␛[2J a folder of it'))
  assert.equal(two[0], '? sub-agent a2: asks to approve its plan:')
  assert.ok(asks({ blocked_path: '/srv' }).includes('  Path: /srv'))
  const questions = [{ question: 'Which?', options: [] }]
  assert.equal(asks({ ask: 'question', questions, subagent_id: 'a3' })[0], '? sub-agent a3: Which?')
})
