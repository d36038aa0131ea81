import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { planPurge, purge } from '../../../src/service/purge.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

function state(t: Cleanup) {
  const dir = join(tempDir(t), 'state')
  mkdirSync(join(dir, 'agents/a'), { recursive: true })
  for (const name of [
    'machine.json',
    'place.json',
    'update.json',
    'confirmed.json',
    'modes.json',
    'servers.json',
    'daemon.log',
    'ledger.jsonl',
    'compiled-run.bin',
    'compiled-up.bin',
    'compiled-hub.bin',
    'runtimes.json.damaged-2026',
  ])
    writeFileSync(join(dir, name), '')
  return dir
}

test('a state folder is deleted entirely, unless it contains other files', async (t) => {
  const dir = state(t)
  writeFileSync(join(dir, 'thesis.txt'), '')
  const { paths, left } = planPurge(dir, { whole: false })
  assert.deepEqual(left, [`${dir}: it contains other files: thesis.txt`])
  await purge(paths)
  assert.deepEqual(readdirSync(dir), ['thesis.txt'])

  const alone = state(t)
  const { left: none } = await purge(planPurge(alone, { whole: false }).paths)
  assert.deepEqual([none, existsSync(alone)], [[], false])
})

test('the folder of a hub is also deleted entirely', async (t) => {
  const dir = join(tempDir(t), 'hub')
  for (const folder of ['agents', 'audit', 'releases']) mkdirSync(join(dir, folder), { recursive: true })
  for (const name of ['user.key', 'keys.json', 'user-keys.json', 'hub.json', 'hub.sock', 'audit/1.jsonl'])
    writeFileSync(join(dir, name), '')
  const { left } = await purge(planPurge(dir, { whole: false }).paths)
  assert.deepEqual([left, existsSync(dir)], [[], false])
})

test('a purge does not delete a link, its target, or a folder that does not belong to this program', (t) => {
  const dir = state(t)
  const link = join(tempDir(t), 'link')
  symlinkSync(dir, link)
  assert.deepEqual(planPurge(link, { whole: true }), {
    paths: [],
    left: [`${link}: it is a link to ${dir}`],
  })
  const other = tempDir(t)
  writeFileSync(join(other, 'thesis.txt'), '')
  for (const whole of [true, false])
    assert.deepEqual(planPurge(other, { whole }), {
      paths: [],
      left: [`${other}: it does not look like a folder of this program`],
    })
  assert.deepEqual(planPurge('/nowhere', { whole: true }), { paths: [], left: [] })
  assert.deepEqual(planPurge('/proc', { whole: true }).left, ['/proc: a disk is mounted at /proc'])
})

test('if root purges another user’s folder, the files are deleted with the rights of that user', async (t) => {
  if (process.getuid?.() !== 0) return
  const victim = state(t)
  const home = tempDir(t)
  chownSync(home, 65534, 65534)
  chmodSync(dirname(victim), 0o755)
  symlinkSync(dirname(victim), join(home, 'link'))
  const path = join(home, 'link/state')
  const { removed, left } = await purge([path])
  assert.deepEqual([removed, left], [[], [`${path}: removing it failed`]])
  assert.ok(existsSync(join(victim, 'machine.json')))
})
