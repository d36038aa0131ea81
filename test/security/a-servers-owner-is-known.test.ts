import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkOwner } from '../../src/config/server-owner.ts'
import { tempDir } from '../support/temp.ts'

const NOBODY = 65534

test('a server on this machine must run as its first known owner, this user, root, or the configured user', (t) => {
  const file = join(tempDir(t), 'state/servers.json')
  const url = 'ws://127.0.0.1:3001'
  const notices: string[] = []
  const rules = { file, notice: (text: string) => void notices.push(text) }
  const refused = { code: 'server_foreign' }
  // Connect as a machine without a record: a new machine, or a machine with an older version.
  checkOwner(NOBODY, url, rules)
  assert.match(notices.join(), /The server at 127\.0\.0\.1:3001 is run by nobody/)
  checkOwner(NOBODY, url, rules)
  assert.equal(notices.length, 1)
  assert.throws(() => checkOwner(61_234, url, rules), refused)
  checkOwner(0, url, rules)
  checkOwner(process.getuid!(), url, rules)
  checkOwner(61_234, url, { ...rules, user: '61234' })
  assert.throws(() => checkOwner(NOBODY, url, { ...rules, user: '61234' }), refused)
  checkOwner(NOBODY, url, { ...rules, user: 'nobody' })
  assert.throws(() => checkOwner(61_234, url, { ...rules, user: 'no-such-user' }), { code: 'config_invalid' })
  // A server that has run as root must not run as another user later.
  checkOwner(0, 'ws://localhost:3002', rules)
  assert.throws(() => checkOwner(NOBODY, 'http://localhost:3002', rules), refused)
  // A command that only reads does not record an owner.
  const unknown = { code: 'server_unknown' }
  assert.throws(() => checkOwner(NOBODY, 'ws://127.0.0.1:3003', { file, looksOnly: true }), unknown)
  assert.throws(() => checkOwner(NOBODY, 'ws://127.0.0.1:3003', { file, owner: 0 }), refused)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  rmSync(file)
  mkdirSync(file)
  assert.equal(notices.length, 1)
})

test('the recorded owner of a server’s port applies to every name and address of this machine', (t) => {
  const file = join(tempDir(t), 'state/servers.json')
  const notices: string[] = []
  const rules = { file, notice: (text: string) => void notices.push(text) }
  checkOwner(0, 'http://localhost:3001', rules)
  checkOwner(NOBODY, 'http://127.0.0.2:3002', rules)
  for (const host of [
    'localhost',
    '127.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0.0.0.0',
    '127.1',
    '2130706433',
    'a.localhost',
    '10.0.0.1',
  ]) {
    assert.throws(() => checkOwner(NOBODY, `http://${host}:3001`, rules), { code: 'server_foreign' }, host)
    assert.throws(() => checkOwner(61_234, `ws://${host}:3002`, rules), { code: 'server_foreign' }, host)
    checkOwner(NOBODY, `ws://${host}:3002`, rules)
  }
  assert.equal(notices.length, 1)
  // Write the record as older versions did: with two names for one port, possibly with different users.
  const owners = {
    'localhost:3001': NOBODY,
    '[::1]:3001': NOBODY,
    '127.0.0.1:80': NOBODY,
    '[::1]:80': 61_234,
  }
  writeFileSync(file, JSON.stringify({ version: 1, owners }))
  checkOwner(NOBODY, 'http://127.0.0.1:3001', rules)
  for (const uid of [NOBODY, 61_234])
    assert.throws(() => checkOwner(uid, 'http://127.0.0.1', rules), {
      code: 'server_foreign',
      message: /names several users for its port/,
      remedy: /FOMULAR_SERVER_USER=/,
    })
  checkOwner(0, 'http://127.0.0.1', rules)
  checkOwner(NOBODY, 'http://127.0.0.1', { ...rules, user: 'nobody' })
  // If the variable is set, the setting in the configuration file has no effect.
  const refusal = () => {
    try {
      checkOwner(NOBODY, 'http://127.0.0.1', { ...rules, user: '61234' })
    } catch (error) {
      return (error as { remedy: string }).remedy
    }
  }
  assert.match(refusal()!, /FOMULAR_SERVER_USER=nobody, or server_user in/)
  process.env.FOMULAR_SERVER_USER = '61234'
  t.after(() => delete process.env.FOMULAR_SERVER_USER)
  assert.match(refusal()!, /FOMULAR_SERVER_USER=nobody\.$/)
})

test('if the record of owners is damaged, a connection does not count as the first connection', (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'servers.json')
  const url = 'ws://127.0.0.1:3001'
  const notice = () => assert.fail('the server is treated as new')
  const whole = JSON.stringify({ version: 1, owners: { '127.0.0.1:3001': 0 } })
  for (const text of ['', whole.slice(0, -4), '[]', '{"version":1,"owners":{"127.0.0.1:3001":"0"}}'])
    for (const rules of [{ file }, { file: join(dir, 'other/servers.json'), enrolled: file }]) {
      writeFileSync(file, text)
      assert.throws(() => checkOwner(NOBODY, url, { ...rules, notice }), {
        code: 'server_foreign',
        message: /servers\.json is damaged\. No key was sent/,
        remedy: /delete .*servers\.json/,
      })
      // A server that needs no record stays reachable. The record of other ports is not overwritten.
      checkOwner(0, url, { ...rules, notice })
      checkOwner(NOBODY, url, { ...rules, notice, user: 'nobody' })
      assert.equal(readFileSync(file, 'utf8'), text)
    }
  rmSync(file)
  mkdirSync(file)
  assert.throws(() => checkOwner(NOBODY, url, { file, notice }), { code: 'server_foreign' })
})
