import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Enrolment, HubMachine } from '../../src/protocol/index.ts'
import { errorOf, openEnrollment } from '../support/enrollments.ts'
import { TestHub } from '../support/hub.ts'
import { LightDaemon } from '../support/light-daemon.ts'
import { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

test('a machine keeps its original or changed name after the hub restarts, and after an older hub has run', async (t) => {
  const hub = await TestHub.open(t)
  const machines = async () => (await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')).machines
  const named = async () =>
    Object.fromEntries((await machines()).map(({ machine_id, name }) => [machine_id, name]))
  const rename = (id: string, name: string) => hub.request('PATCH', `/api/machines/${id}`, { name })
  /** Connects a machine with its own key. */
  const machine = async (machine_id: string, name?: string, shown?: string) => {
    const hostname = 'debian'
    const { token } = await openEnrollment(hub, name === undefined ? {} : { name })
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
  // The hub's own key also has this name.
  await machine('m-3', 'local')
  await hub.daemon({ machine_id: 'm-4', hostname: 'debian' })
  assert.deepEqual(await named(), { 'm-1': 'd13', 'm-2': 'debian', 'm-3': 'local', 'm-4': 'debian' })
  assert.ok((await machines()).every(({ hostname }) => hostname === 'debian'))

  const taken = await rename('m-2', 'd13')
  assert.deepEqual([taken.status, (await errorOf(taken)).code], [409, 'name_taken'])
  assert.equal((await rename('m-2', 'm-1')).status, 409, 'the id of another machine is refused as a name')
  for (const name of ['', ' d14', 'd14 ', '-rf', 'a\nb', 'a\u202eb', '\x1b[2J', 'x'.repeat(65)]) {
    const refused = await rename('m-2', name)
    assert.deepEqual([refused.status, (await errorOf(refused)).path], [400, 'name'], JSON.stringify(name))
    assert.equal((await hub.request('POST', '/api/enrolments', { name })).status, 400, JSON.stringify(name))
  }
  assert.equal((await rename('m-9', 'x')).status, 404)
  // These two names are the same name in two Unicode forms.
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

  // An older hub drops the fields that it does not know, such as names.
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

  // The machine is added again under another name.
  await machine('m-1', 'd14', first)
  assert.equal((await named())['m-1'], 'd14')
})

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
  await until(() => /removed from the hub/.test(daemon.log()), { what: 'the reason in the daemon’s log' })
  // The key of a removed machine no longer works, but a new token gives the machine another key.
  const { token } = JSON.parse(await run(['machine', 'add', '--json']))
  const back = await run(['enroll', '--server-url', stage.hubUrl], { FOMULAR_ENROLL_TOKEN: token })
  assert.match(back, /is enrolled at [\s\S]*Start the daemon with/)
  assert.notEqual(readFileSync(join(home, '.fomular/key'), 'utf8'), key)
})

test('a machine stays enrolled, even at a hub that cannot check tokens', async (t) => {
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
