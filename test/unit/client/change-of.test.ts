import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeOf } from '../../../src/client/change-of.ts'

const path = '/srv/a.ts'

test('the change of a file contains everything that the request says about it', () => {
  assert.deepEqual(
    changeOf({
      tool: 'Edit',
      input: { file_path: path, old_string: 'a', new_string: 'b', replace_all: true },
    }),
    { path, parts: [{ before: 'a', after: 'b' }], rest: { replace_all: true } },
  )
  assert.deepEqual(changeOf({ tool: 'Write', input: { file_path: path, content: 'b', mode: 0o777 } }), {
    path,
    parts: [{ before: '', after: 'b' }],
    rest: { mode: 0o777 },
  })
  const edits = [
    { old_string: 'a', new_string: 'b' },
    { old_string: 'c', new_string: 'd', replace_all: true },
  ]
  assert.deepEqual(changeOf({ tool: 'MultiEdit', input: { file_path: path, edits, note: 'n' } }), {
    path,
    parts: [
      { before: 'a', after: 'b' },
      { before: 'c', after: 'd' },
    ],
    rest: { note: 'n', 'edit 2': { replace_all: true } },
  })
})

test('the change of a cell contains only its new text, because the input does not contain the old text', () => {
  const input = { notebook_path: '/n.ipynb', cell_id: 'c', new_source: 'x = 1' }
  assert.deepEqual(changeOf({ tool: 'NotebookEdit', input }), {
    path: '/n.ipynb',
    parts: [{ before: '', after: 'x = 1' }],
    rest: { cell_id: 'c' },
  })
  assert.equal(changeOf({ tool: 'NotebookEdit', input: { ...input, edit_mode: 'delete' } }), undefined)
})

test('an input of another form is no change, so that all its fields are shown', () => {
  for (const [tool, input] of [
    ['Bash', { file_path: path, old_string: 'a', new_string: 'b' }],
    ['Edit', { file_path: path, old_string: 'a', new_string: 7 }],
    ['Edit', { file_path: [path], old_string: 'a', new_string: 'b' }],
    ['MultiEdit', { file_path: path, edits: [{ old_string: 'a', new_string: 'b' }, null] }],
    ['MultiEdit', { file_path: path, edits: 'all' }],
    ['Write', { content: 'b' }],
  ] as const)
    assert.equal(changeOf({ tool, input }), undefined)
})
