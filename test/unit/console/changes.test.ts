import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runsOfHunk } from '../../../src/client/diff-lines.ts'
import {
  comments,
  dropComments,
  isSameLine,
  keepComment,
  promptOf,
  type Since,
} from '../../../src/console/changes/comments.ts'

test('a hunk gives the numbers of its lines in both files', () => {
  const text = ' same\n-old line\n+new line\n same too\n+added\n-removed\n\\ No newline at end of file'
  const runs = runsOfHunk({ old_start: 5, new_start: 7, text })
  const numbers = runs.map((run) =>
    run.kind === 'same'
      ? run.lines.map(({ before, after }) => [before, after])
      : [run.removed.map(({ number }) => number), run.added.map(({ number }) => number)],
  )
  assert.deepEqual(numbers, [[[5, 7]], [[6], [8]], [[7, 9]], [[], [10]], [[8], []]])
  const changed = runs[1]!
  assert.ok(changed.kind === 'changed')
  assert.deepEqual(
    changed.added[0]!.parts.filter(({ isChanged }) => isChanged).map(({ text }) => text),
    ['new'],
  )
})

test('a comment on an old line belongs to one comparison, and a comment on a new line to all', () => {
  const at = (isOld: boolean, since: Since) => ({ path: 'a.ts', line: 1, isOld, since })
  assert.ok(isSameLine(at(false, 'start'), at(false, 'head')))
  assert.ok(!isSameLine(at(true, 'start'), at(true, 'head')))
  keepComment('other', { ...at(true, 'start'), quote: 'first', text: 'One.' })
  keepComment('other', { ...at(true, 'head'), quote: 'second', text: 'Two.' })
  assert.match(
    promptOf(comments.value.get('other')!),
    /line 1 before your change:\n> first\nOne\.\n\na\.ts, line 1 of the last commit:\n> second\nTwo\.$/,
  )
})

test('comments become one prompt, with the file, the line, and its text', () => {
  const on = (path: string, line: number, text: string, isOld = false) => ({
    ...{ path, line, isOld, text },
    quote: `text of ${line}`,
    since: 'start' as const,
  })
  keepComment('agent', on('b.ts', 3, 'Third.'))
  keepComment('agent', on('a.ts', 20, 'Second.', true))
  keepComment('agent', on('a.ts', 1, 'Not this.'))
  keepComment('agent', on('a.ts', 1, ' First. '))
  keepComment('agent', on('b.ts', 9, 'Dropped.'))
  keepComment('agent', on('b.ts', 9, ''))
  assert.equal(
    promptOf(comments.value.get('agent')!),
    `Please address these comments on your changes.

a.ts, line 1:
> text of 1
First.

a.ts, line 20 before your change:
> text of 20
Second.

b.ts, line 3:
> text of 3
Third.`,
  )
  dropComments('agent')
  assert.equal(comments.value.get('agent'), undefined)
})
