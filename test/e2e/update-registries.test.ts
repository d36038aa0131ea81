import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer as createPlainServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { execa } from 'execa'
import { certificates } from '../support/certificates.ts'
import { Installation } from '../support/installation.ts'
import { TestRegistry } from '../support/registry.ts'
import { PROGRAM } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const registry = await TestRegistry.shared()
await registry.release({ version: '1.0.0' })
await registry.release({ version: '1.1.0' })

async function listening(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Asks the registry at this address for the newest version. */
async function asked(t: TestContext, address: string, { npm, env = {} }: { npm: boolean; env?: object }) {
  const HOME = tempDir(t)
  writeFileSync(join(HOME, '.npmrc'), 'fetch-retries=0\n')
  const { stdout, stderr, exitCode } = await execa(
    process.execPath,
    [PROGRAM, 'update', '--check', '--json', '--state-dir', join(HOME, 'state')],
    {
      env: {
        HOME,
        PATH: npm ? process.env.PATH : '/nowhere',
        FOMULAR_UPDATE_REGISTRY: address,
        ...env,
      },
      extendEnv: false,
      reject: false,
    },
  )
  const { error } = JSON.parse(stdout) as { error?: { code: string; message: string; remedy?: string } }
  assert.equal(exitCode, 1, stdout + stderr)
  assert.ok(error, stdout)
  return error
}

const answers =
  (status: number, body = '<html>Not for you</html>'): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'text/html' }).end(body)

/** Sends data until the client disconnects. */
const endless: RequestListener = (_request, response) => {
  const block = Buffer.alloc(1024 * 1024, ' ')
  const send = () => {
    while (response.write(block)) if (response.destroyed) return
  }
  response.on('drain', send).on('error', () => {})
  send()
}

for (const npm of [true, false])
  test(`the error about a faulty registry is one sentence with a remedy, ${npm ? 'with' : 'without'} npm`, async (t) => {
    const http = async (listener: RequestListener) =>
      `http://127.0.0.1:${await listening(t, createServer(listener))}`
    const { certificate, key } = certificates(tempDir(t), ['127.0.0.1'])
    const secure = createSecureServer(
      { cert: readFileSync(certificate), key: readFileSync(key) },
      answers(200, '{}'),
    )
    const tls = await listening(t, secure)
    const resets = createPlainServer((socket) => void socket.on('data', () => socket.resetAndDestroy()))
    const page = await http(answers(200))
    const unreachable = 'update_registry_unreachable'
    const cases: [address: string, code: string, message: RegExp, env?: object][] = [
      ['http://127.0.0.1:1', unreachable, /^The registry http:\/\/127\.0\.0\.1:1 cannot be reached: nothing/],
      ['http://registry.invalid', unreachable, /registry\.invalid cannot be reached: .*(name|host)/],
      [await http(answers(401)), unreachable, /denies access to this machine \(HTTP 401\)/],
      [await http(answers(403)), unreachable, /denies access to this machine \(HTTP 403\)/],
      [await http(answers(404)), 'update_version_not_found', /has no package @fomular-os\/daemon\.$/],
      [await http(answers(429)), unreachable, /too many requests/],
      [await http(answers(503)), unreachable, /is unavailable \(HTTP 503\)/],
      [page, unreachable, /does not answer like an npm registry/],
      [await http(answers(200, '')), unreachable, /does not answer like an npm registry/],
      [await http(answers(200, 'null')), unreachable, /does not answer like an npm registry/],
      [
        await http(answers(200, 'x'.repeat(65 * 1024 * 1024))),
        unreachable,
        /does not answer like an npm registry/,
      ],
      [await http(answers(200, '{"a": 1}')), unreachable, /does not answer like an npm registry/],
      [await http(endless), unreachable, /does not answer like an npm registry/],
      [`http://127.0.0.1:${await listening(t, resets)}`, unreachable, /the connection was reset/],
      [
        `https://127.0.0.1:${tls}`,
        unreachable,
        /certificate from an authority that this system does not know/,
      ],
      [page.replace('http:', 'https:'), unreachable, /it does not speak TLS/],
      [
        'http://registry.invalid',
        unreachable,
        /through the proxy 127\.0\.0\.1:1: nothing listens there/,
        { http_proxy: 'http://me:secret@127.0.0.1:1' },
      ],
    ]
    for (const [address, code, message, env = {}] of cases) {
      const error = await asked(t, address.replace('//', '//me:secret@'), { npm, env })
      assert.equal(error.code, code, JSON.stringify(error))
      assert.match(error.message, message)
      assert.match(error.message, /^([A-Z]|http).*\.$/)
      assert.doesNotMatch(JSON.stringify(error), /secret|ENOENT|npm error|npm ERR|\{.*\{/)
      assert.ok(error.remedy, error.message)
    }
  })

test('updates and restarts of an uninstalled program are refused with an explanation, and the daemon keeps running', async (t) => {
  const machine = await Installation.open(t, registry)
  await machine.start()
  const { pid } = machine.daemon!
  const copy = join(machine.stage.dir, 'program/index.js')
  cpSync(join(machine.packageDir, 'dist'), dirname(copy), { recursive: true })
  unlinkSync(machine.command)
  const update = await machine.run(['update'], copy)
  assert.equal(update.code, 4)
  assert.match(
    update.stderr,
    /fomular-daemon, no longer exists: it was uninstalled or moved\. 1\.0\.0 still runs/,
  )
  assert.match(update.stderr, /→ Install it again/)
  const ordered = await machine.order('1.1.0')
  assert.equal(ordered.error?.code, 'update_refused')
  assert.doesNotMatch(JSON.stringify(ordered), /ENOENT/)
  const restart = await machine.run(['restart'], copy)
  assert.notEqual(restart.code, 0)
  assert.match(restart.stderr, /: it was uninstalled or moved/)
  assert.equal(machine.daemon?.pid, pid)
  symlinkSync('../lib/node_modules/@fomular-os/daemon/dist/index.js', machine.command)
  assert.equal((await machine.order('1.1.0')).state, 'succeeded')
})

test('an update request with another registry, package, or signature setting is refused, and the error names both values', async (t) => {
  const machine = await Installation.open(t, registry)
  const { stage } = machine
  await machine.start()
  const daemon = machine.daemon!.pid
  const refusedWith = async (env: Record<string, string>, ...said: RegExp[]) => {
    for (const args of [['update'], ['update', '--check']]) {
      const before = { ...stage.env }
      Object.assign(stage.env, env)
      const { code, stderr } = await machine.run(args)
      Object.assign(stage.env, before)
      for (const name of Object.keys(env)) if (!(name in before)) delete stage.env[name]
      assert.equal(code, 4, stderr)
      for (const pattern of said) assert.match(stderr, pattern)
    }
  }
  const other = 'http://127.0.0.1:1'
  const own = new RegExp(`the daemon uses registry ${registry.url}`)
  await refusedWith(
    { FOMULAR_UPDATE_REGISTRY: other },
    /FOMULAR_UPDATE_REGISTRY is http:\/\/127\.0\.0\.1:1/,
    own,
    /→ /,
  )
  await refusedWith({ npm_config_registry: other }, /npm's registry setting is http:\/\/127/, own)
  await refusedWith(
    { FOMULAR_UPDATE_PACKAGE: 'other' },
    /PACKAGE is other, but the daemon uses package @fomular/,
  )
  await refusedWith(
    { FOMULAR_UPDATE_SIGNATURES: 'true' },
    /SIGNATURES is true, but the daemon uses signatures false/,
  )
  const home = join(stage.dir, 'other-home')
  mkdirSync(home)
  writeFileSync(join(home, '.npmrc'), `@fomular-os:registry=${other}\n`)
  await refusedWith({ HOME: home }, /npm's registry setting is http:\/\/127/, own)
  assert.equal(machine.daemon?.pid, daemon)
  // This is the same setting in another notation.
  stage.env.FOMULAR_UPDATE_REGISTRY = `${registry.url}/`
  const { code, stderr } = await machine.run(['update'])
  assert.equal(code, 0, stderr)
  await machine.runs('1.1.0')
})

test('Ctrl-C ends an update at once with any downloader, and keeps the old version', async (t) => {
  let asked = 0
  const silent = createPlainServer((socket) => {
    asked++
    t.after(() => void socket.destroy())
  })
  const address = `http://127.0.0.1:${await listening(t, silent)}/`
  const machine = await Installation.open(t, registry)
  const { stage } = machine
  for (const PATH of [stage.env.PATH!, '/nowhere']) {
    const before = asked
    const update = stage.run(['update'], { FOMULAR_UPDATE_REGISTRY: address, PATH }, [
      machine.node,
      machine.command,
    ])
    await until(() => asked > before, { what: 'the request' })
    update.kill('SIGINT')
    assert.equal(await update.ended, 130, update.log())
    assert.match(update.log(), /The update was interrupted\. 1\.0\.0 stays installed\./)
  }
  assert.equal(await machine.version(), '1.0.0')
})

test('for a program that cannot be updated in place, `--check` names the alternative', async (t) => {
  const HOME = tempDir(t)
  const env = {
    PATH: process.env.PATH,
    HOME,
    FOMULAR_STATE_DIR: join(HOME, 'state'),
    FOMULAR_UPDATE_REGISTRY: registry.url,
  }
  const check = (...args: string[]) =>
    execa(process.execPath, [PROGRAM, 'update', '--check', ...args], { env, extendEnv: false })
  assert.match((await check()).stdout, /1\.1\.0 is available: Update the checkout with git, and build it\.$/)
  assert.match(JSON.parse((await check('--json')).stdout).instead, /git/)
})
