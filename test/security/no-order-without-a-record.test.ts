import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UserKeys } from '../../src/hub/registry/user-keys.ts'
import type { CommandError, Enrolment, NewKey } from '../../src/protocol/index.ts'
import { auditEntries, auditFiles, auditPage, inShort } from '../support/audit.ts'
import { TestHub } from '../support/hub.ts'
import { makeKey } from '../support/role-keys.ts'

test('the enrollment of a machine is recorded once, even if the machine retries it several times', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await hub.api<Enrolment>('POST', '/api/enrolments', { name: 'build-7' })
  const { next } = await auditPage(hub)
  const enroll = (token: string) =>
    hub.request('POST', '/enroll', { token, key_sha256: '1'.repeat(64), hostname: 'h', machine_id: 'm-7' })
  for (let i = 0; i < 5; i++) assert.equal((await enroll(token)).status, 200)
  for (let i = 0; i < 5; i++) assert.equal((await enroll('fet_wrong')).status, 401)
  const { entries } = await auditPage(hub, `&after=${next}`)
  assert.deepEqual(entries.map(inShort), [
    '- machine:enroll ordered - - m-7',
    '- machine:enroll succeeded - - m-7',
    '- machine:enroll refused token_invalid - -',
  ])
  assert.deepEqual(entries[0]?.details, { name: 'build-7', hostname: 'h', key_id: '1'.repeat(12) })
})

test('the enrollment of a machine with any kind of key is recorded before the machine is accepted', async (t) => {
  const hub = await TestHub.open(t)
  const enroll = async (name: string, digit: string) => {
    const { token } = await hub.api<Enrolment>('POST', '/api/enrolments', { name })
    return () => hub.request('POST', '/enroll', { token, key_sha256: digit.repeat(64), hostname: 'h' })
  }
  assert.equal((await (await enroll('one', '1'))()).status, 200)
  const { next } = await auditPage(hub)
  const [known, unknown] = [await enroll('two', '1'), await enroll('three', '2')]
  assert.equal((await known()).status, 200)
  const noted = (await auditPage(hub, `&after=${next}&action=machine:enroll`)).entries
  assert.deepEqual(
    noted.map(({ outcome, details }) => [outcome, details?.key_id]),
    [
      ['ordered', '1'.repeat(12)],
      ['succeeded', '1'.repeat(12)],
    ],
  )
  const writable = await unwritable(hub)
  const refused = await unknown()
  assert.deepEqual([refused.status, await codeOf(refused)], [507, 'audit_unwritable'])
  assert.ok(!readFileSync(join(hub.dir, 'keys.json'), 'utf8').includes('2'.repeat(64)))
  writable()
  assert.equal((await unknown()).status, 200)
})

test('only one of several machines that enroll with one token at once is accepted and recorded', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await hub.api<Enrolment>('POST', '/api/enrolments', {})
  const enroll = (digit: string) =>
    hub.request('POST', '/enroll', { token, key_sha256: digit.repeat(64), hostname: 'h' })
  const answers = await Promise.all([...'12345'].map(enroll))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401, 401, 401])
  const { entries } = await auditPage(hub, '&action=machine:enroll')
  assert.deepEqual(
    entries.map(({ outcome }) => outcome),
    ['ordered', 'succeeded', 'refused'],
  )
})

test('a recorded order is decided in one step, so one of two simultaneous starts of the same agent is refused', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  const start = (command_id: string) =>
    hub.request('POST', '/api/agents?wait=0', { command_id, agent_id: 'a', spec: { cwd: '/tmp' } })
  const answers = await Promise.all(['c-1', 'c-2', 'c-3'].map(start))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [202, 409, 409])
  await daemon.settled()
  assert.equal(daemon.ofType('agent:start').length, 1)
  const { entries } = await auditPage(hub, '&action=agent:start')
  assert.equal(entries.filter(({ code }) => code === 'agent_exists').length, 2)
})

/** Makes the audit log unwritable. @returns a function that makes it writable again */
async function unwritable(hub: TestHub): Promise<() => void> {
  // When this request returns, all entries are on the disk.
  await auditPage(hub)
  const [path = ''] = auditFiles(hub)
  renameSync(path, `${path}.away`)
  mkdirSync(path)
  return () => {
    rmdirSync(path)
    renameSync(`${path}.away`, path)
  }
}

const codeOf = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code

test('no order is carried out if the audit log cannot be written', async (t) => {
  const hub = await TestHub.open(t)
  await makeKey(hub, 'alice', 'viewer')
  const { next } = await auditPage(hub)
  const writable = await unwritable(hub)
  const refused = await hub.request('POST', '/api/keys', { name: 'bob', role: 'admin' })
  assert.deepEqual([refused.status, await codeOf(refused)], [507, 'audit_unwritable'])
  writable()
  await makeKey(hub, 'carol', 'viewer')
  const { keys } = await hub.api<{ keys: NewKey[] }>('GET', '/api/keys')
  assert.deepEqual(
    keys.map(({ name }) => name).filter((name) => name !== 'local'),
    ['alice', 'carol'],
  )
  const noted = await auditEntries(hub, next, 4)
  assert.deepEqual(
    noted.map(({ outcome, code, details }) => [outcome, code, details?.name]),
    [
      ['ordered', undefined, 'bob'],
      ['refused', 'audit_unwritable', 'bob'],
      ['ordered', undefined, 'carol'],
      ['succeeded', undefined, undefined],
    ],
  )
  assert.deepEqual(
    noted.map(({ n }) => n - next),
    [1, 2, 3, 4],
  )
})

test('an order that cannot be written to the disk fails with a remedy', async (t) => {
  const hub = await TestHub.open(t)
  const { next } = await auditPage(hub)
  t.mock.method(UserKeys.prototype, 'make', () => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  })
  const answer = await hub.request('POST', '/api/keys', { name: 'bob', role: 'admin' })
  const { error } = (await answer.json()) as { error: CommandError }
  assert.deepEqual([answer.status, error.code], [507, 'disk_full'])
  assert.match(error.remedy ?? '', /^Free space on the disk/)
  const noted = await auditEntries(hub, next, 2)
  assert.deepEqual([noted[1]?.outcome, noted[1]?.code], ['failed', 'disk_full'])
})
