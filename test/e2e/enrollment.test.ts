import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HubToken } from '../../src/protocol/index.ts'
import { errorOf, KEY, key_sha256, openEnrollment, postEnrollment } from '../support/enrollments.ts'
import { TestHub } from '../support/hub.ts'
import { LightDaemon } from '../support/light-daemon.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/wait.ts'

test('a token admits one machine, with its own key, even after restarts of the hub', async (t) => {
  const hub = await TestHub.open(t)
  const { token, name } = await openEnrollment(hub, { name: 'build-7' })
  assert.equal(name, 'build-7')
  await assert.rejects(LightDaemon.dial(hub.url, KEY), /401/)
  await hub.restart()
  assert.deepEqual(await (await postEnrollment(hub, { token })).json(), { name: 'build-7' })
  // The response was lost, so the same machine asks again.
  assert.equal((await postEnrollment(hub, { token })).status, 200)
  const other = await postEnrollment(hub, { token, key_sha256: 'f'.repeat(64) })
  assert.equal(other.status, 401)
  assert.equal((await errorOf(other)).code, 'token_invalid')
  await hub.restart()
  assert.equal((await postEnrollment(hub, { token, key_sha256: 'f'.repeat(64) })).status, 401)
  const daemon = await LightDaemon.greet({ url: hub.url, key: KEY })
  daemon.socket.terminate()
  for (const file of readdirSync(hub.dir))
    if (statSync(join(hub.dir, file)).isFile())
      assert.ok(!readFileSync(join(hub.dir, file), 'utf8').includes(token), `${file} has the token in it`)
})

test('a token can be checked without being used, and the check reveals no more than using the token', async (t) => {
  const hub = await TestHub.open(t)
  const check = async (body: object, path = '/enroll/check') => {
    // Curl sends this content type by default.
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const response = await fetch(hub.url + path, { method: 'POST', body: JSON.stringify(body), headers })
    return [response.status, await response.json()]
  }
  const { token } = await openEnrollment(hub, { name: 'd13' })
  for (let times = 0; times < 2; times++)
    assert.deepEqual(await check({ token, key_sha256 }), [200, { enrolled: false, name: 'd13' }])
  assert.deepEqual(await check({ token, key_sha256, hostname: 'box' }, '/enroll'), [200, { name: 'd13' }])
  assert.deepEqual(await check({ token, key_sha256 }), [200, { enrolled: true, name: 'd13' }])
  const refused = await check({ token: 'fet_guessed' })
  assert.equal(refused[0], 401)
  for (const body of [{ token }, { token, key_sha256: 'f'.repeat(64) }])
    assert.deepEqual(await check(body), refused)
  assert.deepEqual(
    await check({ token, key_sha256: 'f'.repeat(64), hostname: 'box' }, '/enroll'),
    refused,
    'an enrollment is refused with the same answer as a check',
  )
  const user = createHash('sha256').update(hub.key('user')).digest('hex')
  assert.deepEqual(
    await check({ token: 'x', key_sha256: user }),
    refused,
    'a user key does not count as an enrolled machine',
  )
})

test('an enrollment token expires', async (t) => {
  const clock = new ManualClock()
  const hub = await TestHub.open(t, { clock })
  const { token, expires_at } = await openEnrollment(hub, { expires_in_s: 60 })
  assert.equal(Date.parse(expires_at), clock.now() + 60_000)
  clock.pass(60_000)
  assert.equal((await postEnrollment(hub, { token })).status, 401)
})

test('an invalid enrollment is refused with a reason', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await openEnrollment(hub)
  const cases: [object, number, string, string?][] = [
    [{ token: 'fet_guessed' }, 401, 'token_invalid'],
    [{}, 400, 'invalid_command', 'token'],
    [{ token, key_sha256: 'abc' }, 400, 'invalid_command', 'key_sha256'],
    [{ token, hostname: 'x'.repeat(5000) }, 413, 'too_large'],
  ]
  for (const [body, status, code, path] of cases) {
    const response = await postEnrollment(hub, body)
    const error = await errorOf(response)
    assert.deepEqual([response.status, error.code, error.path], [status, code, path])
  }
  const long = await hub.request('POST', '/api/enrolments', { expires_in_s: 1e9 })
  assert.deepEqual([long.status, (await errorOf(long)).path], [400, 'expires_in_s'])
  assert.equal((await fetch(`${hub.url}/api/enrolments`, { method: 'POST' })).status, 401)
})

test('a removed machine is locked out, and its token no longer works', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await openEnrollment(hub)
  await postEnrollment(hub, { token })
  const daemon = await LightDaemon.greet({ url: hub.url, key: KEY, hello: { machine_id: 'm-1' } })
  const refused = await hub.request('DELETE', '/api/machines/m-1')
  assert.deepEqual([refused.status, (await errorOf(refused)).code], [409, 'machine_connected'])
  const revoked = { revoked_keys: 1, shared_keys: 0 }
  assert.deepEqual(await hub.api('DELETE', '/api/machines/m-1?force=true'), revoked)
  // If the hub is killed now, it does not list the machine after its restart.
  assert.doesNotMatch(readFileSync(join(hub.dir, 'machines.json'), 'utf8'), /m-1/)
  assert.equal((await daemon.received('server:refuse')).code, 'removed')
  await until(() => daemon.closed?.code === 4003, { what: 'the end of the connection' })
  await assert.rejects(LightDaemon.dial(hub.url, KEY), /401/)
  assert.equal((await postEnrollment(hub, { token })).status, 401)
  assert.deepEqual(await hub.api('GET', '/api/machines'), { machines: [], enrolled: [] })
  // The hub creates its own machine key again, for daemons that can read its file.
  const local = await LightDaemon.greet({
    url: hub.url,
    key: hub.key('machine'),
    hello: { machine_id: 'm-2' },
  })
  local.socket.terminate()
  assert.deepEqual(await hub.api('DELETE', '/api/machines/m-2?force=true'), revoked)
  await hub.daemon({ machine_id: 'm-2' })
})

test('a token admits one machine, even if a write to the disk fails', async (t) => {
  const hub = await TestHub.open(t)
  const other = 'e'.repeat(64)
  for (const file of ['enrolments.json', 'keys.json']) {
    const { token } = await openEnrollment(hub, { name: file })
    // A folder in place of the temporary file makes the write fail.
    const temp = join(hub.dir, `${file}.${process.pid}.tmp`)
    mkdirSync(temp)
    assert.equal((await postEnrollment(hub, { token, key_sha256: other })).status, 500)
    rmdirSync(temp)
    // The failed request had no effect.
    const mine = createHash('sha256').update(file).digest('hex')
    assert.equal((await postEnrollment(hub, { token, key_sha256: mine })).status, 200)
    assert.equal((await postEnrollment(hub, { token, key_sha256: other })).status, 401)
    assert.ok(!readFileSync(join(hub.dir, 'keys.json'), 'utf8').includes(other))
  }
})

test('after a hub was killed during an enrollment, only the same machine can enroll again', async (t) => {
  const hub = await TestHub.open(t)
  const path = join(hub.dir, 'enrolments.json')
  /** Makes the hub's files look as if the hub had been killed during an enrollment. */
  const killedWhile = async (key_sha256: string, keyWritten: boolean) => {
    const { token } = await openEnrollment(hub, { name: 'd13' })
    if (keyWritten) assert.equal((await postEnrollment(hub, { token, key_sha256 })).status, 200)
    await hub.stop()
    const file = JSON.parse(readFileSync(path, 'utf8')) as { enrolments: object[] }
    Object.assign(file.enrolments.at(-1)!, { used_for: key_sha256, unfinished: true })
    writeFileSync(path, JSON.stringify(file))
    await hub.start()
    return (sha256 = key_sha256) => postEnrollment(hub, { token, key_sha256: sha256 })
  }
  const before = await killedWhile('1'.repeat(64), false)
  assert.equal((await before('2'.repeat(64))).status, 401)
  for (let times = 0; times < 2; times++) {
    const answer = await before()
    assert.deepEqual([answer.status, await answer.json()], [200, { name: 'd13' }])
  }
  const behind = await killedWhile('3'.repeat(64), true)
  assert.equal((await behind()).status, 200)
  for (const digit of ['1', '3']) await hub.api('DELETE', `/api/keys/${digit.repeat(12)}`)
  for (const again of [before, behind]) assert.equal((await again()).status, 401)

  // An enrollment that is not repeated can be canceled.
  const left = await killedWhile('4'.repeat(64), false)
  const { enrolments } = await hub.api<{ enrolments: HubToken[] }>('GET', '/api/enrolments')
  const token = enrolments.at(-1)!
  assert.equal(token.used, false)
  await hub.api('DELETE', `/api/enrolments/${token.token_id}`)
  assert.equal((await left()).status, 401)
})
