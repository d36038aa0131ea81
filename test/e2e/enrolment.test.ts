import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Enrolment, HubMachine, HubToken } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { LightDaemon } from '../support/light-daemon.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

const KEY = 'fmk_of-a-test'
const key_sha256 = createHash('sha256').update(KEY).digest('hex')

const enroll = (hub: TestHub, body: object) =>
  fetch(`${hub.url}/enroll`, {
    method: 'POST',
    body: JSON.stringify({ hostname: 'box', key_sha256, ...body }),
  })

const open = (hub: TestHub, body: object = {}) => hub.api<Enrolment>('POST', '/api/enrolments', body)

const errorOf = async (response: Response) =>
  ((await response.json()) as { error: { code: string; path?: string } }).error

test('a token admits one machine, with its own key, over restarts of the hub', async (t) => {
  const hub = await TestHub.open(t)
  const { token, name } = await open(hub, { name: 'build-7' })
  assert.equal(name, 'build-7')
  await assert.rejects(LightDaemon.dial(hub.url, KEY), /401/)
  await hub.restart()
  assert.deepEqual(await (await enroll(hub, { token })).json(), { name: 'build-7' })
  // The response was lost, so the same machine asks again.
  assert.equal((await enroll(hub, { token })).status, 200)
  const other = await enroll(hub, { token, key_sha256: 'f'.repeat(64) })
  assert.equal(other.status, 401)
  assert.equal((await errorOf(other)).code, 'token_invalid')
  await hub.restart()
  assert.equal((await enroll(hub, { token, key_sha256: 'f'.repeat(64) })).status, 401)
  const daemon = await LightDaemon.greet({ url: hub.url, key: KEY })
  daemon.socket.terminate()
  for (const file of readdirSync(hub.dir))
    if (statSync(join(hub.dir, file)).isFile())
      assert.ok(!readFileSync(join(hub.dir, file), 'utf8').includes(token), `${file} has the token in it`)
})

test('a token can be checked without being used, and the check reveals no more than using it', async (t) => {
  const hub = await TestHub.open(t)
  const check = async (body: object, path = '/enroll/check') => {
    // The content type that curl sends by default.
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const response = await fetch(hub.url + path, { method: 'POST', body: JSON.stringify(body), headers })
    return [response.status, await response.json()]
  }
  const { token } = await open(hub, { name: 'd13' })
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
    'the same as using it',
  )
  const user = createHash('sha256').update(hub.key('user')).digest('hex')
  assert.deepEqual(
    await check({ token: 'x', key_sha256: user }),
    refused,
    'a user key is not an enrolled machine',
  )
})

test('a token expires', async (t) => {
  const clock = new ManualClock()
  const hub = await TestHub.open(t, { clock })
  const { token, expires_at } = await open(hub, { expires_in_s: 60 })
  assert.equal(Date.parse(expires_at), clock.now() + 60_000)
  clock.pass(60_000)
  assert.equal((await enroll(hub, { token })).status, 401)
})

test('an invalid enrollment is refused with a reason', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await open(hub)
  const cases: [object, number, string, string?][] = [
    [{ token: 'fet_guessed' }, 401, 'token_invalid'],
    [{}, 400, 'invalid_command', 'token'],
    [{ token, key_sha256: 'abc' }, 400, 'invalid_command', 'key_sha256'],
    [{ token, hostname: 'x'.repeat(5000) }, 413, 'too_large'],
  ]
  for (const [body, status, code, path] of cases) {
    const response = await enroll(hub, body)
    const error = await errorOf(response)
    assert.deepEqual([response.status, error.code, error.path], [status, code, path])
  }
  const long = await hub.request('POST', '/api/enrolments', { expires_in_s: 1e9 })
  assert.deepEqual([long.status, (await errorOf(long)).path], [400, 'expires_in_s'])
  assert.equal((await fetch(`${hub.url}/api/enrolments`, { method: 'POST' })).status, 401)
})

test('a removed machine is locked out, and its token no longer works', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await open(hub)
  await enroll(hub, { token })
  const daemon = await LightDaemon.greet({ url: hub.url, key: KEY, hello: { machine_id: 'm-1' } })
  const refused = await hub.request('DELETE', '/api/machines/m-1')
  assert.deepEqual([refused.status, (await errorOf(refused)).code], [409, 'machine_connected'])
  const revoked = { revoked_keys: 1, shared_keys: 0 }
  assert.deepEqual(await hub.api('DELETE', '/api/machines/m-1?force=true'), revoked)
  // If the hub is killed now, it does not list the machine again.
  assert.doesNotMatch(readFileSync(join(hub.dir, 'machines.json'), 'utf8'), /m-1/)
  assert.equal((await daemon.received('server:refuse')).code, 'removed')
  await until(() => daemon.closed?.code === 4003, { what: 'the end of the connection' })
  await assert.rejects(LightDaemon.dial(hub.url, KEY), /401/)
  assert.equal((await enroll(hub, { token })).status, 401)
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

test('a machine keeps its name, given or changed, over restarts and a run of an older hub', async (t) => {
  const hub = await TestHub.open(t)
  const machines = async () => (await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')).machines
  const named = async () =>
    Object.fromEntries((await machines()).map(({ machine_id, name }) => [machine_id, name]))
  const rename = (id: string, name: string) => hub.request('PATCH', `/api/machines/${id}`, { name })
  /** Connects a machine with its own key. */
  const machine = async (machine_id: string, name?: string, shown?: string) => {
    const hostname = 'debian'
    const { token } = await open(hub, name === undefined ? {} : { name })
    const key = `fmk_${machine_id}-${token}`
    const hash = createHash('sha256').update(key).digest('hex')
    const body = JSON.stringify({ token, hostname, key_sha256: hash })
    const headers = { authorization: `Bearer ${shown}` }
    assert.equal((await fetch(`${hub.url}/enroll`, { method: 'POST', body, headers })).status, 200)
    const daemon = await LightDaemon.greet({ url: hub.url, key, hello: { machine_id, hostname } })
    daemon.socket.terminate()
    return key
  }
  const first = await machine('m-1', 'd13')
  await machine('m-2')
  // The name of the hub's own key.
  await machine('m-3', 'local')
  await hub.daemon({ machine_id: 'm-4', hostname: 'debian' })
  assert.deepEqual(await named(), { 'm-1': 'd13', 'm-2': 'debian', 'm-3': 'local', 'm-4': 'debian' })
  assert.ok((await machines()).every(({ hostname }) => hostname === 'debian'))

  const taken = await rename('m-2', 'd13')
  assert.deepEqual([taken.status, (await errorOf(taken)).code], [409, 'name_taken'])
  assert.equal((await rename('m-2', 'm-1')).status, 409, 'the id of another machine is taken, too')
  for (const name of ['', ' d14', 'd14 ', '-rf', 'a\nb', 'a\u202eb', '\x1b[2J', 'x'.repeat(65)]) {
    const refused = await rename('m-2', name)
    assert.deepEqual([refused.status, (await errorOf(refused)).path], [400, 'name'], JSON.stringify(name))
    assert.equal((await hub.request('POST', '/api/enrolments', { name })).status, 400, JSON.stringify(name))
  }
  assert.equal((await rename('m-9', 'x')).status, 404)
  // The same name in two Unicode forms.
  assert.equal((await rename('m-1', 'caf\u00e9')).status, 200)
  assert.equal((await rename('m-2', 'cafe\u0301')).status, 409)
  assert.equal((await rename('m-1', 'd13')).status, 200)
  const loud = await hub.daemon({ machine_id: 'm-5', hostname: '\x1b[2Jbox\nerror: no' })
  const said = (await (await rename('m-2', 'm-5')).json()) as { error: { message: string } }
  assert.equal(said.error.message, '\\u001b[2Jbox\\nerror: no (m-5) already has that name or id.')
  loud.socket.terminate()
  await hub.api('DELETE', '/api/machines/m-5?force=true')
  assert.equal(((await (await rename('m-2', "Björn's box")).json()) as HubMachine).name, "Björn's box")
  assert.equal((await rename('m-4', 'mine')).status, 200)
  const renamed = { 'm-1': 'd13', 'm-2': "Björn's box", 'm-3': 'local', 'm-4': 'mine' }
  await hub.restart()
  assert.deepEqual(await named(), renamed)

  // A hub from before names drops the fields that it does not know.
  await hub.stop()
  const strip = (file: string, list: string, fields: string[]) => {
    const path = join(hub.dir, file)
    const content = JSON.parse(readFileSync(path, 'utf8'))
    for (const each of content[list]) for (const field of fields) delete each[field]
    writeFileSync(path, JSON.stringify(content))
  }
  strip('machines.json', 'machines', ['name'])
  strip('keys.json', 'keys', ['named'])
  await hub.start()
  assert.deepEqual(await named(), { ...renamed, 'm-4': 'debian' })

  // Added again under another name.
  await machine('m-1', 'd14', first)
  assert.equal((await named())['m-1'], 'd14')
})

test('the hub serves releases, resumes broken downloads, and serves nothing else', async (t) => {
  const hub = await TestHub.open(t)
  assert.equal((await fetch(`${hub.url}/install.sh`)).status, 404)
  const dir = join(hub.dir, 'releases/1.2.3')
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'program.gz'), 'abcdef')
  writeFileSync(join(hub.dir, 'releases/.hidden'), '')
  writeFileSync(
    join(hub.dir, 'releases/install.sh'),
    "f() {\n  DEFAULT_BASE_URL=''\n  DEFAULT_SERVER_URL=''\n}\nf\n",
  )
  const script = await (await fetch(`${hub.url}/install.sh`)).text()
  assert.equal(
    script,
    `f() {\n  DEFAULT_BASE_URL='${hub.url}/releases'\n  DEFAULT_SERVER_URL='${hub.url}'\n}\nf\n`,
  )
  const get = async (headers: Record<string, string>, path = '/releases/1.2.3/program.gz') => {
    const response = await fetch(hub.url + path, { headers })
    return [response.status, await response.text(), response.headers.get('content-range')]
  }
  assert.deepEqual(await get({}), [200, 'abcdef', null])
  assert.deepEqual(await get({ range: 'bytes=2-' }), [206, 'cdef', 'bytes 2-5/6'])
  assert.deepEqual(await get({ range: 'bytes=6-' }), [416, '', 'bytes */6'])
  assert.deepEqual(await get({ range: 'bytes=2-', 'if-range': '"another"' }), [200, 'abcdef', null])
  const head = await fetch(`${hub.url}/releases/1.2.3/program.gz`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, '6'])
  for (const path of [
    '/releases/',
    '/releases/1.2.3',
    '/releases/.hidden',
    '/releases/%2e%2e/user.key',
    '/releases//etc/passwd',
  ])
    assert.equal((await get({}, path))[0], 404, path)
  assert.equal(await raw(hub, '/releases/../user.key'), 404)
  for (const host of ["127.0.0.1:1';id;'", '127.0.0.1$(id)', '127.0.0.1`id`', '127.0.0.1/x'])
    assert.match(String(await raw(hub, '/install.sh', host)), /^40[03]$/, host)
  const behind = async (headers: Record<string, string>) =>
    /SERVER_URL='(.*)'/.exec(await (await fetch(`${hub.url}/install.sh`, { headers })).text())?.[1]
  const secure = hub.url.replace('http', 'https')
  assert.equal(await behind({ 'x-forwarded-proto': 'https, http' }), secure)
  assert.equal(
    await behind({ 'x-forwarded-proto': 'HTTPS', 'x-forwarded-prefix': '/fomular/' }),
    `${secure}/fomular`,
  )
  for (const prefix of ["/';id;'", '/$(id)', '//x', '/../x', 'x'])
    assert.equal(await behind({ 'x-forwarded-prefix': prefix }), hub.url, prefix)
})

/** Sends a path and a Host header unchanged. @returns the status */
const raw = (hub: TestHub, path: string, host = 'localhost') =>
  new Promise((resolve, reject) =>
    request({ host: '127.0.0.1', port: hub.port, path, headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end(),
  )

test('a machine is added and enrolled by one line, and runs without flags from then on', async (t) => {
  const stage = await Stage.open(t)
  await stage.hub()
  const run = async (args: string[], env: Record<string, string> = {}) => {
    const running = stage.run(args, env)
    assert.equal(await running.ended, 0, running.log())
    return running.log()
  }
  const added = JSON.parse(await run(['machine', 'add', '--name', 'this-one', '--expires', '5m', '--json']))
  assert.equal(added.install, added.enroll, 'there is nothing to install from')
  assert.equal(
    added.enroll,
    `echo ${added.token} | fomular-daemon enroll --server-url ${stage.hubUrl} --token-stdin && fomular-daemon`,
  )
  const home = stage.env.HOME!
  mkdirSync(join(home, '.fomular'))
  writeFileSync(join(home, '.fomular/config.toml'), '# mine\nmax_agents = 3\n\n[update]\npackage = "x"\n')
  assert.match(
    await run(['enroll', '--server-url', stage.hubUrl], { FOMULAR_ENROLL_TOKEN: added.token }),
    /as this-one/,
  )
  const url = stage.hubUrl.replace('http', 'ws')
  assert.equal(
    readFileSync(join(home, '.fomular/config.toml'), 'utf8'),
    `# mine\nmax_agents = 3\nserver_url = "${url}"\nkey_file = "${home}/.fomular/key"\n\n[update]\npackage = "x"\n`,
  )
  assert.equal(statSync(join(home, '.fomular/key')).mode & 0o777, 0o600)
  const key = readFileSync(join(home, '.fomular/key'), 'utf8')
  const used = { FOMULAR_ENROLL_TOKEN: added.token }
  const again = ['enroll', '--server-url', stage.hubUrl]
  assert.match(await run(again, used), /is already enrolled at http:\/\/\S+ as this-one\.[\s\S]*--force/)
  assert.equal(readFileSync(join(home, '.fomular/key'), 'utf8'), key)
  writeFileSync(join(home, 'ca.pem'), '')
  assert.match(
    await run([...again, '--ca-file', join(home, 'ca.pem')], used),
    /already enrolled at .* as this-one/,
  )
  assert.match(readFileSync(join(home, '.fomular/config.toml'), 'utf8'), /^ca_file = ".*\/ca\.pem"$/m)
  for (const [args, problem] of [
    [['--force'], /already used/],
    [['--server-url', 'http://127.0.0.1:1'], /is already enrolled at \S+[\s\S]*--force/],
  ] as const) {
    const refused = stage.run([...again, ...args], used)
    assert.equal(await refused.ended, 4)
    assert.match(refused.log(), problem)
  }

  const daemon = stage.run(['run'])
  await until(async () => (await stage.machine())?.connected, { what: 'the machine at the hub' })
  const { machine_id } = (await stage.machine()) as HubMachine
  assert.match(await run(['machine', 'list']), /this-one/)
  const renamed = JSON.parse(await run(['machine', 'rename', 'this-one', 'build-7', '--json']))
  assert.deepEqual([renamed.machine.name, renamed.machine.machine_id], ['build-7', machine_id])
  assert.deepEqual(JSON.parse(await run(['agent', 'list', '--machine', 'build-7', '--json'])), { agents: [] })
  const warned = await run(['machine', 'add', '--name', 'build-7', '--json'])
  assert.match(warned, new RegExp(`already has that name.*machine remove ${machine_id}`))
  assert.match(await run(['machine', 'remove', 'build-7', '--force']), /no longer accepted/)
  assert.equal(await stage.machine(), undefined)
  await until(() => /removed from the hub/.test(daemon.log()), { what: 'the daemon saying why' })
  // Its key no longer works; a new token gives it another key.
  const { token } = JSON.parse(await run(['machine', 'add', '--json']))
  const back = await run(['enroll', '--server-url', stage.hubUrl], { FOMULAR_ENROLL_TOKEN: token })
  assert.match(back, /is enrolled at [\s\S]*Start the daemon with/)
  assert.notEqual(readFileSync(join(home, '.fomular/key'), 'utf8'), key)
})

test('a machine enrolled at a hub that cannot check tokens stays enrolled', async (t) => {
  const stage = await Stage.open(t)
  await stage.hub()
  const older = createServer((incoming, response) => {
    if (incoming.url === '/enroll/check') {
      const error = { code: 'not_found', message: 'There is no POST /enroll/check.' }
      response.writeHead(404).end(JSON.stringify({ error }))
      return
    }
    const { method, headers, url: path } = incoming
    incoming.pipe(
      request({ host: '127.0.0.1', port: stage.port, method, headers, path }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      }),
    )
  })
  await new Promise<void>((resolve) => older.listen(0, '127.0.0.1', resolve))
  t.after(() => older.close())
  const url = `http://127.0.0.1:${(older.address() as AddressInfo).port}`
  const { token } = await stage.api<Enrolment>('POST', '/api/enrolments', { name: 'd13' })
  const key = () => readFileSync(join(stage.env.HOME!, '.fomular/key'), 'utf8')
  const enrolled = async () => {
    const command = stage.run(['enroll', '--server-url', url], { FOMULAR_ENROLL_TOKEN: token })
    assert.equal(await command.ended, 0, command.log())
    return command.log()
  }
  assert.match(await enrolled(), /is enrolled at \S+ as d13/)
  const first = key()
  assert.match(await enrolled(), /is already enrolled at \S+ as d13/)
  assert.equal(key(), first)
})

test('a token admits one machine, even if a write to the disk fails', async (t) => {
  const hub = await TestHub.open(t)
  const other = 'e'.repeat(64)
  for (const file of ['enrolments.json', 'keys.json']) {
    const { token } = await open(hub, { name: file })
    // A folder in place of the temporary file makes the write fail.
    const temp = join(hub.dir, `${file}.${process.pid}.tmp`)
    mkdirSync(temp)
    assert.equal((await enroll(hub, { token, key_sha256: other })).status, 500)
    rmdirSync(temp)
    // The failed request had no effect.
    const mine = createHash('sha256').update(file).digest('hex')
    assert.equal((await enroll(hub, { token, key_sha256: mine })).status, 200)
    assert.equal((await enroll(hub, { token, key_sha256: other })).status, 401)
    assert.ok(!readFileSync(join(hub.dir, 'keys.json'), 'utf8').includes(other))
  }
})

test('a hub killed during an enrollment lets the same machine enroll again, and no other', async (t) => {
  const hub = await TestHub.open(t)
  const path = join(hub.dir, 'enrolments.json')
  /** Leaves the hub's files as a kill would. */
  const killedWhile = async (key_sha256: string, keyWritten: boolean) => {
    const { token } = await open(hub, { name: 'd13' })
    if (keyWritten) assert.equal((await enroll(hub, { token, key_sha256 })).status, 200)
    await hub.stop()
    const file = JSON.parse(readFileSync(path, 'utf8')) as { enrolments: object[] }
    Object.assign(file.enrolments.at(-1)!, { used_for: key_sha256, unfinished: true })
    writeFileSync(path, JSON.stringify(file))
    await hub.start()
    return (sha256 = key_sha256) => enroll(hub, { token, key_sha256: sha256 })
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
