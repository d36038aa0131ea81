import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { UpdateFailure } from '../../src/update/failure.ts'
import { transportOf } from '../../src/update/fetch/transport.ts'
import {
  beginConfirmed,
  confirm,
  confirmedVersions,
  insecureUpdateLeft,
} from '../../src/update/switch/confirmed.ts'
import { PackageServer, PlainInstallation, packageFiles } from '../support/package-server.ts'
import { Stage } from '../support/stage.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const refusal = (error: unknown) =>
  error instanceof UpdateFailure && error.error.code === 'update_refused' && /no TLS/.test(error.message)

/** An address on another machine, without TLS and without a server. */
const BEYOND = 'http://192.0.2.1'

test('a registry on another machine must have TLS, or the settings must permit a registry without TLS', async (t) => {
  const dir = tempDir(t)
  const warnings: string[] = []
  const strict = () => transportOf({ allow_insecure: false }, dir, (warning) => warnings.push(warning))
  for (const address of [
    'https://registry.example',
    'http://127.0.0.1:4873',
    'http://localhost/x',
    'http://[::1]/',
  ])
    strict().check(address)
  for (const address of ['http://registry.example', 'HTTP://192.0.2.1/a.tgz', 'http://127.0.0.1.example/']) {
    assert.throws(() => strict().check(address), refusal)
    transportOf({ allow_insecure: true }, dir, (warning) => warnings.push(warning)).check(address)
  }
  assert.deepEqual(warnings, [])
  const machine = new PlainInstallation(t, await packageFiles('1.0.0'))
  const { error } = await machine.update('latest', [], { FOMULAR_UPDATE_REGISTRY: 'http://192.0.2.1' })
  assert.deepEqual(
    [error?.code, /http:\/\/192\.0\.2\.1/.test(error?.message ?? '')],
    ['update_refused', true],
  )
  assert.match(error?.remedy ?? '', /allow_insecure = true/)
  const doctor = await machine.run(['doctor', '--json'], { FOMULAR_UPDATE_REGISTRY: 'http://192.0.2.1' })
  const { findings } = JSON.parse(doctor.stdout)
  assert.ok(
    findings.some(
      ({ check, level, remedy }: Record<string, string>) =>
        check === 'updates' && level === 'warning' && /allow_insecure/.test(remedy ?? ''),
    ),
  )
})

test('a machine that was set up before TLS was required can update once more without TLS', async (t) => {
  const dir = tempDir(t)
  writeFileSync(join(dir, 'machine.json'), JSON.stringify({ version: 1, machine_id: 'm', starts: 2 }))
  await confirm(dir, { version: '1.0.0', at: '', welcomed: true })
  const warnings: string[] = []
  const update = (...addresses: string[]) => {
    const transport = transportOf({ allow_insecure: false }, dir, (warning) => warnings.push(warning))
    for (const address of addresses) transport.check(address)
    transport.made()
  }
  update('https://registry.example', 'http://127.0.0.1')
  assert.deepEqual(warnings, [])
  update('https://registry.example', 'http://cdn.example/a.tgz', 'http://cdn.example/b.tgz')
  assert.match(warnings.join('\n'), /^http:\/\/cdn\.example, .*last update from there[^\n]*$/)
  assert.throws(() => update('http://registry.example'), refusal)
  assert.deepEqual(
    confirmedVersions(dir).map(({ version }) => version),
    ['1.0.0'],
  )
})

test('a new machine cannot update without TLS even once, no matter how often it was restarted', async (t) => {
  const stage = await Stage.open(t)
  const start = async () => {
    const daemon = stage.run(['run', '--server-url', 'ws://127.0.0.1:9', '--key', 'k'])
    await until(
      () => existsSync(join(stage.state, 'machine.json')) && daemon.log().includes('daemon started'),
      {
        what: 'the daemon',
      },
    )
    daemon.kill('SIGTERM')
    assert.equal(await daemon.ended, 0)
  }
  await start()
  await start()
  const { starts } = JSON.parse(readFileSync(join(stage.state, 'machine.json'), 'utf8'))
  assert.equal(starts, 2)
  assert.equal(insecureUpdateLeft(stage.state), false)
  const file = join(stage.state, 'confirmed.json')
  writeFileSync(file, '{')
  assert.equal(insecureUpdateLeft(stage.state), false)
  // Put the folder into the state in which the previous release left it.
  rmSync(file)
  await start()
  assert.equal(insecureUpdateLeft(stage.state), true)
  const other = tempDir(t)
  beginConfirmed(other)
  writeFileSync(join(other, 'machine.json'), '{}')
  assert.equal(insecureUpdateLeft(other), false)
})

test('a registry must have TLS even if only npm’s settings name the registry', async (t) => {
  const machine = new PlainInstallation(t, await packageFiles('1.0.0'))
  const etc = join(machine.env.HOME!, 'etc')
  mkdirSync(etc)
  writeFileSync(join(machine.env.HOME!, '.npmrc'), `globalconfig=${join(etc, 'npmrc')}\n`)
  writeFileSync(join(etc, 'npmrc'), `registry=${BEYOND}\n`)
  const env = { PATH: process.env.PATH! }
  const { error } = await machine.update('latest', [], env)
  assert.equal(error?.code, 'update_refused')
  assert.match(error?.message ?? '', /http:\/\/192\.0\.2\.1, .* no TLS/)
  const { findings } = JSON.parse((await machine.run(['doctor', '--json'], env)).stdout)
  assert.ok(
    findings.some(
      ({ check, message }: Record<string, string>) => check === 'updates' && message?.includes(BEYOND),
    ),
  )

  // A check for updates does not contact a registry without TLS either.
  const registry = await PackageServer.open(t)
  await registry.publish({ version: '1.1.0', files: await packageFiles('1.1.0') })
  writeFileSync(join(etc, 'npmrc'), `registry=${registry.url}\n`)
  const { stdout } = await machine.run(['update', '--check', '--json'], env)
  assert.equal(JSON.parse(stdout).available, '1.1.0', stdout)
})

/** Starts a server that redirects every request to an address without TLS. */
async function detour(t: Cleanup): Promise<string> {
  const server = createServer(({ url = '' }, response) =>
    response.writeHead(302, { location: `${BEYOND}${url}` }).end(),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a registry cannot redirect to an address without TLS', async (t) => {
  const away = await detour(t)
  const registry = await PackageServer.open(t)
  const files = await packageFiles('1.1.0')
  await registry.publish({ version: '1.1.0', files, dist: { tarball: `${away}/a.tgz` } })
  const machine = new PlainInstallation(t, await packageFiles('1.0.0'), {
    http_proxy: 'http://127.0.0.1:9',
    no_proxy: '127.0.0.1',
    npm_config_fetch_retries: '0',
  })
  for (const url of [away, registry.url]) {
    const from = { FOMULAR_UPDATE_REGISTRY: url }
    const { error } = await machine.update('latest', [], from)
    assert.equal(error?.code, 'update_refused', JSON.stringify(error))
    assert.match(error?.remedy ?? '', /allow_insecure = true/)
    const allowed = await machine.update('latest', [], { ...from, FOMULAR_UPDATE_ALLOW_INSECURE: 'true' })
    assert.equal(allowed.error?.code, 'update_registry_unreachable')
  }
})
