import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { changesIn } from '../../src/workspace/changes.ts'
import { discardWorktree } from '../../src/workspace/discard.ts'
import { fileLines } from '../../src/workspace/file-lines.ts'
import { mergeWorktree } from '../../src/workspace/merge.ts'
import { findRepository, type Repository } from '../../src/workspace/repository.ts'
import { recordStart } from '../../src/workspace/start-record.ts'
import { makeWorktree, releaseWorktree } from '../../src/workspace/worktree.ts'
import { gitRepository, placeAt } from '../support/git-repository.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'

const plain = { stat: false, redacted: <T>(part: T) => part }
const lines = { from_line: 1, lines: 100, redacted: <T>(part: T) => part }

const changes = (t: Cleanup, dir: string, hidden?: string[]) => changesIn([placeAt(t, dir, hidden)], plain)

async function readEverything(t: Cleanup, dir: string) {
  const place = placeAt(t, dir)
  const start = await recordStart([place])
  await changesIn([place], plain)
  await changesIn([place], { ...plain, start })
  return fileLines(place, { path: 'code.txt', ...lines })
}

test('no setting, hook, filter, or driver of a repository runs a program', async (t) => {
  const marks = tempDir(t)
  const { dir, git, write } = gitRepository(join(tempDir(t), 'r'), {
    'code.txt': 'one\n',
    'doc.bin': 'one\n',
  })
  const sub = gitRepository(join(dir, 'sub'), { 'inner.txt': 'one\n' })
  git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', sub.dir, 'linked')
  write('.gitattributes', '* filter=evil diff=evil merge=evil\n')
  git('add', '--all')
  git('commit', '--quiet', '--message', 'Hostile')
  const evil = (name: string) => `touch ${marks}/${name}; cat`
  const settings = {
    'core.fsmonitor': evil('fsmonitor'),
    'core.pager': evil('pager'),
    'core.editor': evil('editor'),
    'core.sshCommand': evil('ssh'),
    'core.gitProxy': evil('proxy'),
    'core.askPass': evil('askpass'),
    'core.hooksPath': join(dir, 'hooks'),
    'core.alternateRefsCommand': evil('alternates'),
    'pager.status': evil('pager-status'),
    'filter.evil.clean': evil('clean'),
    'filter.evil.smudge': evil('smudge'),
    'filter.evil.process': evil('process'),
    'filter.evil.required': 'true',
    'diff.external': evil('external'),
    'diff.evil.command': evil('command'),
    'diff.evil.textconv': evil('textconv'),
    'merge.evil.driver': evil('merge'),
    'alias.status': `!${evil('alias')}`,
    'alias.cat-file': `!${evil('alias')}`,
    'interactive.diffFilter': evil('interactive'),
    'uploadpack.packObjectsHook': evil('pack'),
    'extensions.partialClone': 'origin',
    'remote.origin.promisor': 'true',
    'remote.origin.url': `ext::sh -c "${evil('remote')}"`,
    'remote.origin.uploadpack': evil('uploadpack'),
  }
  for (const [name, value] of Object.entries(settings)) {
    execFileSync('git', ['config', name, value], { cwd: dir })
    execFileSync('git', ['config', name, value], { cwd: join(dir, 'linked') })
  }
  for (const folder of ['hooks', '.git/hooks'])
    for (const name of [
      'post-index-change',
      'post-checkout',
      'pre-commit',
      'fsmonitor-watchman',
      'reference-transaction',
    ])
      writeExecutable(join(dir, folder, name), `#!/bin/sh\ntouch ${marks}/hook\n`)
  writeFileSync(join(dir, 'code.txt'), 'two\n')
  writeFileSync(join(dir, 'doc.bin'), 'two\n')
  writeFileSync(join(dir, 'linked/inner.txt'), 'two\n')
  writeFileSync(join(dir, 'untracked.txt'), 'two\n')
  await readEverything(t, dir)
  assert.deepEqual(readdirSync(marks), [])
  // The repository is indeed hostile.
  for (const args of [['diff'], ['add', '.']]) spawnSync('git', args, { cwd: dir })
  assert.notDeepEqual(readdirSync(marks), [])
})

function writeExecutable(path: string, text: string) {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

test('working trees are made, merged, and removed without running a program of the repository', async (t) => {
  const marks = tempDir(t)
  const { dir, git, write, commit } = gitRepository(join(tempDir(t), 'app'), { 'code.txt': '1\n2\n3\n' })
  write('.gitattributes', '* filter=evil merge=evil diff=evil\n')
  write('other.txt', 'one\n')
  commit()
  const evil = (name: string) => `touch ${marks}/${name}; cat`
  for (const name of [
    'filter.evil.clean',
    'filter.evil.smudge',
    'filter.evil.process',
    'core.fsmonitor',
    'merge.evil.driver',
    'core.editor',
    'gpg.program',
    'core.pager',
  ])
    git('config', name, evil(name))
  git('config', 'commit.gpgSign', 'true')
  git('config', 'core.hooksPath', join(dir, 'hooks'))
  const hooks = [
    'post-checkout',
    'post-merge',
    'pre-merge-commit',
    'prepare-commit-msg',
    'commit-msg',
    'post-commit',
    'post-index-change',
    'reference-transaction',
    'post-rewrite',
  ]
  for (const folder of ['hooks', '.git/hooks'])
    for (const name of hooks) writeExecutable(join(dir, folder, name), `#!/bin/sh\ntouch ${marks}/${name}\n`)
  const { user } = placeAt(t, dir)
  const repository = findRepository(dir) as Repository
  const path = `${dir}-worktrees/one`
  const made = await makeWorktree(repository, user, { path, branch: 'agent/one', mayExist: false })
  assert.deepEqual(readdirSync(marks), [])
  const quiet = ['-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false', '-c', 'commit.gpgSign=false']
  const filters = ['-c', 'filter.evil.process=', '-c', 'filter.evil.clean=', '-c', 'filter.evil.smudge=']
  const save = (folder: string) =>
    git(...quiet, ...filters, '-C', folder, 'commit', '--quiet', '--all', '--message', 'Work')
  writeFileSync(join(path, 'code.txt'), 'one\n2\n3\n')
  save(path)
  write('code.txt', '1\n2\nthree\n')
  save(dir)
  assert.equal((await mergeWorktree(user, made)).how, 'merge')
  await releaseWorktree(repository, user, made)
  await discardWorktree(user, made, false)
  assert.equal(existsSync(path), false)
  assert.deepEqual(readdirSync(marks), [])
})

test('a missing object is not fetched from anywhere', async (t) => {
  const marks = tempDir(t)
  const { dir, git, write } = gitRepository(tempDir(t), { 'code.txt': 'one\n' })
  const id = git('rev-parse', 'HEAD:code.txt')
  rmSync(join(dir, '.git/objects', id.slice(0, 2), id.slice(2)), { force: true })
  git('config', 'remote.origin.promisor', 'true')
  git('config', 'remote.origin.url', dir)
  git('config', 'extensions.partialClone', 'origin')
  git('config', 'remote.origin.uploadpack', `touch ${marks}/fetched; git-upload-pack`)
  write('code.txt', 'two\n')
  const { files } = await changes(t, dir)
  assert.deepEqual(
    files.map(({ path, omitted }) => [path, omitted]),
    [['code.txt', 'unreadable']],
  )
  assert.deepEqual(readdirSync(marks), [])
})

test('working trees and submodules with their own repositories are read', async (t) => {
  const { dir, git } = gitRepository(tempDir(t), { 'a.txt': '1\n' })
  const tree = join(tempDir(t), 'tree')
  git('worktree', 'add', '--quiet', tree)
  writeFileSync(join(tree, 'a.txt'), '2\n')
  const inner = gitRepository(tempDir(t), { 'b.txt': '1\n' })
  git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner.dir, 'sub')
  writeFileSync(join(dir, 'sub/b.txt'), '2\n')
  for (const [folder, path] of [
    [tree, 'a.txt'],
    [join(dir, 'sub'), 'b.txt'],
  ] as const) {
    const { files } = await changes(t, folder)
    assert.deepEqual(
      files.map((file) => [file.path, file.added, file.removed]),
      [[path, 1, 1]],
    )
  }
})

test('indexes and checkouts of every form are read', async (t) => {
  const forms: Record<string, (git: (...args: string[]) => string) => void> = {
    split: (git) => git('update-index', '--split-index'),
    sparse: (git) => git('sparse-checkout', 'set', '--cone', '--sparse-index', 'kept'),
    'sparse without cone': (git) => git('sparse-checkout', 'set', '--no-cone', '/kept/'),
    'with a cache of untracked files': (git) => git('update-index', '--force-untracked-cache'),
    'of version 4': (git) => git('update-index', '--index-version', '4'),
  }
  for (const [form, make] of Object.entries(forms)) {
    const { dir, git, write } = gitRepository(tempDir(t), { 'kept/a.txt': '1\n', 'left/out/b.txt': '1\n' })
    make(git)
    write('kept/a.txt', '2\n')
    write('kept/new.txt', '2\n')
    const { files } = await changes(t, dir)
    assert.deepEqual(
      files.map(({ path, change }) => [path, change]),
      [
        ['kept/a.txt', 'modified'],
        ['kept/new.txt', 'untracked'],
      ],
      form,
    )
  }
})

test('git does not wait for a pipe in the place of the files with its ignored files and attributes', async (t) => {
  const { dir, git, write } = gitRepository(tempDir(t), { 'a.txt': '1\n' })
  write('a.txt', '2\n')
  const pipes = ['excludes', '.git/info/exclude', '.git/info/attributes']
  for (const name of pipes) {
    rmSync(join(dir, name), { force: true })
    execFileSync('mkfifo', [join(dir, name)])
  }
  git('config', 'core.excludesfile', join(dir, 'excludes'))
  const { files, folders } = await changes(t, dir)
  assert.deepEqual([files.map(({ path }) => path), folders[0]?.problem], [['a.txt'], undefined])
})
