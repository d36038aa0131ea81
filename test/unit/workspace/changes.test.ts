import assert from 'node:assert/strict'
import { chmodSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ChangedFile } from '../../../src/protocol/index.ts'
import { type ChangesOptions, changesIn } from '../../../src/workspace/changes.ts'
import { recordStart } from '../../../src/workspace/start-record.ts'
import { gitRepository, placeAt } from '../../support/git-repository.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

const all = { stat: false, redacted: <T>(texts: T) => texts }

const changes = (t: Cleanup, dir: string, options: Partial<ChangesOptions> = {}) =>
  changesIn([placeAt(t, dir)], { ...all, ...options })

const brief = ({ folder: _, hunks, ...file }: ChangedFile) => ({
  ...file,
  lines: hunks.flatMap(({ text }) => text.split('\n')),
})

test('every kind of change is told apart', async (t) => {
  const { dir, git, write } = gitRepository(tempDir(t), {
    'changed.txt': 'one\ntwo\nthree\n',
    'deleted.txt': 'old\n',
    'moved.txt': 'stays the same\nin every line\n',
    'run.sh': 'true\n',
    'picture.png': Buffer.from([1, 0, 2]),
    'same.txt': 'same\n',
    '.gitignore': 'ignored.txt\n',
  })
  write('changed.txt', 'one\n2\nthree\n')
  unlinkSync(join(dir, 'deleted.txt'))
  git('mv', 'moved.txt', 'sub.txt')
  chmodSync(join(dir, 'run.sh'), 0o755)
  write('picture.png', Buffer.from([1, 0, 3]))
  write('added.txt', 'new\n')
  git('add', 'added.txt')
  write('folder/untracked.txt', 'unknown\n')
  write('ignored.txt', 'secret\n')
  symlinkSync('/etc/passwd', join(dir, 'link'))
  const { files, total, next } = await changes(t, dir)
  assert.deepEqual(files.map(brief), [
    { path: 'added.txt', change: 'added', added: 1, removed: 0, lines: ['+new'] },
    {
      ...{ path: 'changed.txt', change: 'modified', added: 1, removed: 1 },
      lines: [' one', '-two', '+2', ' three'],
    },
    { path: 'deleted.txt', change: 'deleted', added: 0, removed: 1, lines: ['-old'] },
    { path: 'folder/untracked.txt', change: 'untracked', added: 1, removed: 0, lines: ['+unknown'] },
    {
      ...{ path: 'link', change: 'untracked', kind: 'link', added: 1, removed: 0 },
      lines: ['+/etc/passwd', '\\ No newline at end of file'],
    },
    { path: 'picture.png', change: 'modified', binary: true, lines: [] },
    {
      ...{ path: 'run.sh', change: 'modified', old_mode: '100644', mode: '100755', added: 0, removed: 0 },
      lines: [],
    },
    { path: 'sub.txt', old_path: 'moved.txt', change: 'renamed', added: 0, removed: 0, lines: [] },
  ])
  assert.equal(total, 8)
  assert.equal(next, undefined)
})

test('only the folder of the agent is read, even if its repository is larger', async (t) => {
  const { dir, write } = gitRepository(tempDir(t), { 'app/a.txt': '1\n', 'other/b.txt': '1\n' })
  write('app/a.txt', '2\n')
  write('other/b.txt', '2\n')
  const { files } = await changes(t, join(dir, 'app'))
  assert.deepEqual(
    files.map(({ path }) => path),
    ['a.txt'],
  )
})

test('the state at the start includes changes that were not committed', async (t) => {
  const repository = gitRepository(tempDir(t), { 'a.txt': '1\n', 'b.txt': '1\n', 'c.txt': '1\n' })
  const { dir, write, commit } = repository
  write('a.txt', 'before\n')
  write('untracked.txt', 'before\n')
  write('gone.txt', 'before\n')
  rmSync(join(dir, 'c.txt'))
  const start = await recordStart([placeAt(t, dir)])
  assert.deepEqual((await changes(t, dir, { start })).files, [])
  write('a.txt', 'after\n')
  write('b.txt', 'after\n')
  write('untracked.txt', 'before\nafter\n')
  write('c.txt', '1\n')
  rmSync(join(dir, 'gone.txt'))
  commit()
  const { files } = await changes(t, dir, { start })
  assert.deepEqual(files.map(brief), [
    { path: 'a.txt', change: 'modified', added: 1, removed: 1, lines: ['-before', '+after'] },
    { path: 'b.txt', change: 'modified', added: 1, removed: 1, lines: ['-1', '+after'] },
    { path: 'c.txt', change: 'added', added: 1, removed: 0, lines: ['+1'] },
    { path: 'gone.txt', change: 'deleted', added: 0, removed: 1, lines: ['-before'] },
    { path: 'untracked.txt', change: 'modified', added: 1, removed: 0, lines: [' before', '+after'] },
  ])
  assert.deepEqual((await changes(t, dir)).files, [])
})

test('pages contain each file and each line once, even while other files change', async (t) => {
  const { dir, write } = gitRepository(tempDir(t), { 'a.txt': '' })
  const long = Array.from({ length: 60_000 }, (_, line) => `line ${line} of a long file`).join('\n')
  write('b.txt', long)
  for (let n = 0; n < 250; n++) write(`c/${n}.txt`, `${n}\n`)
  const found: ChangedFile[] = []
  let after: string | undefined
  for (let page = 0; page < 20; page++) {
    const { files, next } = await changes(t, dir, { after })
    found.push(...files)
    after = next
    if (after === undefined) break
    write(`a${page}.txt`, 'comes before the files that are left')
  }
  assert.equal(new Set(found.map(({ path }) => path)).size, 251)
  const lines = found
    .filter(({ path }) => path === 'b.txt')
    .flatMap(({ hunks }) => hunks.map(({ text }) => text))
  assert.equal(
    lines
      .join('\n')
      .replace(/^\+/gm, '')
      .replace(/\n\\.*$/, ''),
    long,
  )
})

test('names that are not plain text are kept', async (t) => {
  const { dir, write } = gitRepository(tempDir(t), { 'a.txt': '' })
  const names = ['line\nfeed', 'esc\x1b[2J', 'bidi\u202e', '"quoted"', ' spaces ', '-dash', ':(top)', '*']
  for (const name of names) write(name, 'x\n')
  const { files } = await changes(t, dir)
  assert.deepEqual(new Set(files.map(({ path }) => path)), new Set(names))
  const { files: one } = await changes(t, dir, { paths: ['*'] })
  assert.deepEqual(
    one.map(({ path }) => path),
    ['*'],
  )
})

test('a repository without a commit, and a folder without a repository, have clear answers', async (t) => {
  const { dir, write } = gitRepository(join(tempDir(t), 'new'))
  write('a.txt', '1\n')
  const { files, folders } = await changes(t, dir)
  assert.deepEqual(files.map(brief), [
    { path: 'a.txt', change: 'untracked', added: 1, removed: 0, lines: ['+1'] },
  ])
  assert.equal(folders[0]!.commit, undefined)
  await assert.rejects(changes(t, tempDir(t)), { code: 'not_a_repository' })
  const both = await changesIn([placeAt(t, dir), placeAt(t, tempDir(t))], all)
  assert.match(both.folders[1]!.problem ?? '', /not in a git repository/)
})

test('secrets are removed before texts are compared', async (t) => {
  const { dir, write } = gitRepository(tempDir(t), { 'a.txt': 'key:\nBEGIN\n1\n2\n3\n4\n5\n6\nEND\nother\n' })
  write('a.txt', 'key:\nBEGIN\n1\n2\n3\n4\n5\nchanged\nEND\nafter\n')
  const blank = (text: string) => text.replace(/BEGIN[\s\S]*END/, '[redacted]')
  const { files } = await changes(t, dir, {
    redacted: ({ before, after }) => ({ before: blank(before), after: blank(after) }),
  })
  assert.deepEqual(brief(files[0]!).lines, [' key:', ' [redacted]', '-other', '+after'])
})

test('too large files are told, not read', async (t) => {
  const { dir, write } = gitRepository(tempDir(t), { 'a.txt': 'x'.repeat(3 * 1024 * 1024) })
  write('a.txt', 'small\n')
  write('b.txt', 'y'.repeat(3 * 1024 * 1024))
  const { files } = await changes(t, dir)
  assert.deepEqual(
    files.map(({ path, omitted }) => ({ path, omitted })),
    [
      { path: 'a.txt', omitted: 'too_large' },
      { path: 'b.txt', omitted: 'too_large' },
    ],
  )
})

test('a large file that was there at the start is listed only if it was written since', async (t) => {
  const { dir, write } = gitRepository(tempDir(t), { 'a.txt': '' })
  write('large.txt', 'x'.repeat(3 * 1024 * 1024))
  const start = await recordStart([placeAt(t, dir)])
  assert.deepEqual((await changes(t, dir, { start })).files, [])
  write('large.txt', 'y')
  const { files } = await changes(t, dir, { start })
  assert.deepEqual(files.map(brief), [
    { path: 'large.txt', change: 'modified', omitted: 'start_unknown', lines: [] },
  ])
})

test('a file with many changes is continued on the next page', async (t) => {
  const lines = Array.from({ length: 30_000 }, (_, line) => `line ${line}`)
  const { dir, write } = gitRepository(tempDir(t), { 'a.txt': lines.join('\n'), 'b.txt': '1\n' })
  write('a.txt', lines.map((line, at) => (at % 10 === 0 ? `${line} changed` : line)).join('\n'))
  write('b.txt', '2\n')
  const first = await changes(t, dir)
  assert.deepEqual(
    first.files.map(({ path, added, continued }) => [path, added, continued]),
    [['a.txt', 3000, true]],
  )
  const found = [...first.files]
  for (let { next } = first; next !== undefined; ) {
    const page = await changes(t, dir, { after: next })
    found.push(...page.files)
    next = page.next
  }
  const hunks = found.filter(({ path }) => path === 'a.txt').flatMap((file) => file.hunks)
  assert.deepEqual(
    hunks.map(({ new_start }) => new_start),
    Array.from({ length: 3000 }, (_, at) => Math.max(1, at * 10 - 2)),
  )
  assert.equal(found.at(-1)?.path, 'b.txt')
})
