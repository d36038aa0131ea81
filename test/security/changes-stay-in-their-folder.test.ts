import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { changesIn } from '../../src/workspace/changes.ts'
import { fileLines } from '../../src/workspace/file-lines.ts'
import { gitRepository, placeAt } from '../support/git-repository.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'

const plain = { stat: false, redacted: <T>(part: T) => part }
const lines = { from_line: 1, lines: 100, redacted: <T>(part: T) => part }

const changes = (t: Cleanup, dir: string) => changesIn([placeAt(t, dir)], plain)

test('a folder cannot claim the repository of another folder', async (t) => {
  const secret = gitRepository(tempDir(t), { 'secret.txt': 'secret\n' })
  const claims: ((dir: string) => void)[] = [
    (dir) => writeFileSync(join(dir, '.git'), `gitdir: ${secret.dir}/.git\n`),
    (dir) => symlinkSync(join(secret.dir, '.git'), join(dir, '.git')),
    (dir) => {
      mkdirSync(join(dir, 'fake'))
      writeFileSync(join(dir, 'fake/commondir'), join(secret.dir, '.git'))
      writeFileSync(join(dir, 'fake/gitdir'), join(dir, '.git'))
      writeFileSync(join(dir, 'fake/HEAD'), 'ref: refs/heads/main')
      writeFileSync(join(dir, '.git'), 'gitdir: fake\n')
    },
    (dir) => {
      gitRepository(dir)
      rmSync(join(dir, '.git/objects'), { recursive: true })
      symlinkSync(join(secret.dir, '.git/objects'), join(dir, '.git/objects'))
      rmSync(join(dir, '.git/refs'), { recursive: true })
      symlinkSync(join(secret.dir, '.git/refs'), join(dir, '.git/refs'))
    },
  ]
  for (const claim of claims) {
    const dir = tempDir(t)
    claim(dir)
    await assert.rejects(changes(t, dir), { code: 'not_a_repository' })
    await assert.rejects(fileLines(placeAt(t, dir), { path: 'a', ...lines }), { code: 'not_a_repository' })
  }
  const other = gitRepository(tempDir(t), { 'a.txt': '1\n' })
  other.git('config', 'core.worktree', secret.dir)
  other.write('b.txt', '1\n')
  assert.deepEqual(
    (await changes(t, other.dir)).files.map(({ path }) => path),
    ['b.txt'],
  )
})

test('no link leads out of the folder', async (t) => {
  const outside = tempDir(t)
  writeFileSync(join(outside, 'key'), 'secret\n')
  const { dir, write } = gitRepository(tempDir(t), { 'a/key': 'tracked\n', 'b.txt': '1\n' })
  rmSync(join(dir, 'a'), { recursive: true })
  symlinkSync(outside, join(dir, 'a'))
  rmSync(join(dir, 'b.txt'))
  symlinkSync(join(outside, 'key'), join(dir, 'b.txt'))
  execFileSync('mkfifo', [join(dir, 'pipe')])
  write('.gitignore', '.env\n')
  write('.env', 'secret\n')
  write('.key', 'secret\n')
  const place = placeAt(t, dir, [join(dir, '.key')])
  const { files } = await changesIn([place], plain)
  assert.doesNotMatch(JSON.stringify(files), /secret/)
  for (const path of ['a/key', 'pipe', '.env', '.git/config', '.GIT/config', '../key', '.key', 'missing'])
    await assert.rejects(fileLines(place, { path, ...lines }), (error: Error & { code: string }) =>
      ['file_refused', 'file_not_found'].includes(error.code),
    )
  const link = await fileLines(place, { path: 'b.txt', ...lines })
  assert.deepEqual([link.kind, link.text], ['link', join(outside, 'key')])
})

test('a folder that becomes a link while it is read does not lead out', async (t) => {
  const outside = tempDir(t)
  writeFileSync(join(outside, 'a.txt'), 'secret\n')
  const { dir } = gitRepository(tempDir(t), { 'd/a.txt': 'one\n' })
  symlinkSync(outside, join(dir, 'link'))
  const swap = `while :; do mv -T ${dir}/d ${dir}/x; mv -T ${dir}/link ${dir}/d; mv -T ${dir}/d ${dir}/link; mv -T ${dir}/x ${dir}/d; done`
  const swapper = spawn('/bin/sh', ['-c', swap], { stdio: 'ignore' })
  t.after(() => void swapper.kill('SIGKILL'))
  const place = placeAt(t, dir)
  const seen = new Set<string>()
  for (let n = 0; n < 20_000; n++) {
    const found = place.read('d/a.txt', 1000)
    seen.add(found === undefined || found === 'forbidden' ? 'none' : String(found.content))
  }
  seen.delete('none')
  assert.deepEqual([...seen], ['one\n'])
})
