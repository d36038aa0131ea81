import assert from 'node:assert/strict'
import { test } from 'node:test'
import { colors } from '../../../../src/cli/render/ansi.ts'
import { decidedText } from '../../../../src/cli/render/decision.ts'
import { permissionText } from '../../../../src/cli/render/permission.ts'
import { forTerminal } from '../../../../src/cli/terminal.ts'
import type { PermissionRequest } from '../../../../src/protocol/index.ts'
import { type GivenEvent, onTerminal, render } from '../rendered-conversation.ts'

const path = '/srv/a.sh'
const request = (tool: string, input: Record<string, unknown>): PermissionRequest => ({
  request_id: 'r',
  ask: 'tool',
  tool,
  tool_use_id: 't',
  input,
})
const shown = (tool: string, input: Record<string, unknown>, color = false) =>
  forTerminal(permissionText(request(tool, input), colors(color), 80))

test('a request to change a file shows all lines, with the changed lines marked', () => {
  assert.equal(
    shown('Edit', { file_path: path, old_string: 'a\nb\nc\n', new_string: 'a\nB\nc\n', replace_all: true }),
    `? asks to use Edit: ${path}\n    a\n  - b\n  + B\n    c\n  replace_all: true`,
  )
  const edits = [
    { old_string: 'a', new_string: 'b' },
    { old_string: 'c', new_string: '', replace_all: true },
  ]
  assert.equal(
    shown('MultiEdit', { file_path: path, edits }),
    `? asks to use MultiEdit: ${path}
  Edit 1 of 2:
  - a
  + b
  Edit 2 of 2:
  - c
  "edit 2":
    {
      "replace_all": true
    }`,
  )
  assert.equal(
    shown('Write', { file_path: path, content: 'a\n\nb\n' }),
    `? asks to use Write: ${path}\n  + a\n  + \n  + b`,
  )
  assert.equal(
    shown('NotebookEdit', { notebook_path: '/n.ipynb', cell_id: 'c1', new_source: 'x = 1' }),
    '? asks to use NotebookEdit: /n.ipynb\n  + x = 1\n  cell_id: c1',
  )
  const same = Array.from({ length: 50 }, (_, n) => `line ${n}`).join('\n')
  const long = shown('Edit', { file_path: path, old_string: `${same}\na`, new_string: `${same}\nb` })
  for (let n = 0; n < 50; n++) assert.match(long, new RegExp(`^ {4}line ${n}$`, 'm'))
})

test('changed lines are red and green', () => {
  const text = shown('Edit', { file_path: path, old_string: 'a', new_string: 'b' }, true)
  assert.ok(text.endsWith('\n\x1b[31m  - a\x1b[39m\n\x1b[32m  + b\x1b[39m'), JSON.stringify(text))
})

test('a path that the headline shortens is shown in full', () => {
  const file_path = `/srv/${'x'.repeat(300)}/a`
  const text = shown('Write', { file_path, content: 'a' })
  assert.ok(text.replace(/\n {2}↳ /g, '').includes(`file_path: ${file_path}`), text)
})

test('an input of another form, and the deletion of a cell, show their fields', () => {
  assert.match(
    shown('Edit', { file_path: path, old_string: 7, new_string: 'b' }),
    /old_string: 7\n {2}new_string: b$/,
  )
  const deletion = { notebook_path: '/n', new_source: '', edit_mode: 'delete' }
  assert.match(shown('NotebookEdit', deletion), /edit_mode: delete$/)
})

test('a shell command is shown line by line, unless the headline shows all of it', () => {
  assert.equal(shown('Bash', { command: 'ls', timeout: 5 }), '? asks to use Bash: ls\n  timeout: 5')
  assert.equal(
    shown('Bash', { command: 'cat <<E\nhi\u200b\nE' }),
    `? asks to use Bash: cat <<E hi⟨U+200B⟩ E
  $ cat <<E
    hi⟨U+200B⟩
    E
! Hidden in it, and made visible: 1 invisible character`,
  )
})

test('programs get the fields of a request', () => {
  const input = { file_path: path, old_string: 'a', new_string: 'b' }
  assert.equal(
    permissionText(request('Edit', input), colors(false)),
    `? asks to use Edit: ${path}\n  file_path: ${path}\n  old_string: a\n  new_string: b`,
  )
})

test('the decision about a change shows the change', () => {
  const input = { file_path: path, old_string: 'a', new_string: 'b' }
  assert.equal(
    decidedText('Allowed', request('Edit', input), { whole: true, width: 80 }),
    `Allowed: Edit: ${path}\n  - a\n  + b`,
  )
})

const use = (tool: string, input: Record<string, unknown>, tool_use_id = 't'): GivenEvent => ({
  kind: 'tool_use',
  tool_use_id,
  tool,
  input,
})
const result = (content: string, is_error = false, tool_use_id = 't'): GivenEvent => ({
  kind: 'tool_result',
  tool_use_id,
  is_error,
  content,
})
const same = Array.from({ length: 9 }, (_, n) => `line ${n}`).join('\n')
const input = { file_path: path, old_string: `${same}\nold`, new_string: `${same}\nnew` }

test('the result of a change that nobody was asked about is the change', () => {
  assert.equal(
    onTerminal([use('Edit', input), result('The file was updated.')], 80),
    `• Edit ${path}
  ⎿   … 6 unchanged lines
      line 6
      line 7
      line 8
    - old
    + new
`,
  )
  const content = 'x\n'.repeat(100)
  const rows = onTerminal([use('Write', { file_path: path, content }), result('Written.')], 80).split('\n')
  assert.deepEqual(rows.slice(-3), ['    + x', '      … 61 more lines', ''])
  assert.ok(rows.length < 45)
})

test('a change that a request has shown, and a change that failed, are not shown again', () => {
  const asked: GivenEvent = { kind: 'permission_request', ...request('Edit', input) }
  const text = onTerminal([use('Edit', input), asked, result('The file was updated.')], 80)
  assert.equal(text.split('+ new').length, 2)
  assert.match(text, /⎿ The file was updated\.\n$/)
  assert.equal(
    onTerminal([use('Edit', input), result('Not found', true)], 80),
    `• Edit ${path}\n  ⎿ Not found\n`,
  )
})

test('the use of a shell shows the command as in a shell, with hidden characters', () => {
  assert.equal(onTerminal([use('Bash', { command: 'ls -la' })], 80), '• Bash $ ls -la\n')
  assert.equal(
    onTerminal([use('Bash', { command: 'cat <<E\nh\u202ei\nE' })], 80),
    '• Bash\n  $ cat <<E\n    h⟨U+202E⟩i\n    E\n',
  )
  const long = onTerminal([use('Bash', { command: 'echo\n'.repeat(50) })], 80)
  assert.match(long, /^( {4}echo\n){8} {4}… \d+ more rows\n$/m)
  assert.equal(render([use('Bash', { command: 'ls -la' })]), '• Bash ls -la\n')
})

test('the result of a tool is wrapped under its sign', () => {
  assert.equal(
    onTerminal([result(`${'x'.repeat(30)}\ny`)], 24),
    `  ⎿ ${'x'.repeat(20)}\n    ${'x'.repeat(10)}\n    y\n`,
  )
})
