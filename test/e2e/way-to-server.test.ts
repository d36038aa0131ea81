import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { certificates } from '../support/certificates.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { oldestNode } from '../support/nodes.ts'
import { RUN, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

// Tests of TLS with a private certificate authority, and of proxies.

/** Opens a machine, and a hub with a certificate for 127.0.0.1 and `os.example.test`. */
async function secured(t: TestContext) {
  const stage = await fakeStage(t)
  const tls = certificates(stage.dir, ['127.0.0.1', 'os.example.test'])
  const hub = stage.run(['hub', '--tls-cert', tls.certificate, '--tls-key', tls.key])
  await until(() => hub.log().includes('User key'), { what: 'the hub' })
  assert.match(hub.log(), /^Hub: +https:/m)
  return { stage, tls, key: join(stage.state, 'hub/machine.key') }
}

const cli = (stage: Stage, args: string[], env: Record<string, string> = {}) =>
  new Promise<{ code: number; out: string }>((resolve) => {
    execFile(RUN[0], [...RUN.slice(1), ...args], { env: { ...stage.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }),
    )
  })

test('a TLS certificate from an unknown authority is refused until the authority is named', async (t) => {
  const { stage, tls, key } = await secured(t)
  const url = `wss://127.0.0.1:${stage.port}`
  const daemon = ['run', '--server-url', url, '--key-file', key]
  const wary = stage.run(daemon)
  await until(() => /not connected: .*certificate/.test(wary.log()), { what: 'the refusal' })
  const doctor = await cli(stage, ['doctor', '--server-url', url, '--key-file', key])
  assert.equal(doctor.code, 1)
  assert.match(doctor.out, /✗ .*signed by an unknown authority \(add it with --ca-file\)/)
  wary.kill('SIGTERM')
  assert.equal(await wary.ended, 0)
  const alone = await cli(stage, ['doctor', '--server-url', url, '--key-file', key])
  assert.match(alone.out, /✗ .*cannot be reached: its certificate[\s\S]*→ .*--ca-file/)

  const trusting = stage.run([...daemon, '--ca-file', tls.authority])
  await until(() => trusting.log().includes('info  connected'), { what: 'the connection' })
  const hub = { FOMULAR_HUB_URL: `https://127.0.0.1:${stage.port}` }
  const unsure = await cli(stage, ['machine', 'list'], hub)
  assert.equal(unsure.code, 1)
  assert.match(unsure.out, /→ Add the certificate authority .*NODE_EXTRA_CA_CERTS/)
  const list = await cli(stage, ['machine', 'list'], { ...hub, NODE_EXTRA_CA_CERTS: tls.authority })
  assert.equal(list.code, 0, list.out)
  assert.match(list.out, /for \d+ s/)

  // The certificate authority in the settings applies only to the daemon's own server.
  copyFileSync(tls.authority, join(stage.env.HOME!, 'ca.pem'))
  const settings = (name: string, server: string, mode = 0o600) => {
    const config = join(stage.dir, name)
    writeFileSync(config, `server_url = "${server}"\nca_file = "~/ca.pem"\n`)
    chmodSync(config, mode)
    return { ...hub, FOMULAR_CONFIG: config }
  }
  for (const [env, code] of [
    [settings('own.toml', url), 0],
    [settings('other.toml', 'wss://os.example.test'), 1],
    [settings('open.toml', url, 0o666), 1],
    [{ ...hub, FOMULAR_CA_FILE: tls.authority }, 0],
    [{ ...hub, FOMULAR_CA_FILE: '/nowhere' }, 2],
  ] as const) {
    const answer = await cli(stage, ['machine', 'list'], env)
    assert.equal(answer.code, code, answer.out)
    if (code === 2) assert.match(answer.out, /FOMULAR_CA_FILE: \/nowhere cannot be read: no such file/)
  }
})

test('daemon and commands trust the system’s certificate authorities on any Node', async (t) => {
  const { stage, tls, key } = await secured(t)
  const env = { SSL_CERT_FILE: tls.authority, SSL_CERT_DIR: stage.dir }
  const daemon = ['run', '--server-url', `wss://127.0.0.1:${stage.port}`, '--key-file', key]
  const trusting = stage.run(daemon, env, [await oldestNode(), ...RUN.slice(1)])
  await until(() => trusting.log().includes('info  connected'), { what: 'the connection' })
  const hub = { FOMULAR_HUB_URL: `https://127.0.0.1:${stage.port}` }
  const list = await cli(stage, ['machine', 'list'], { ...hub, ...env })
  assert.equal(list.code, 0, list.out)
  // This shell does not name the authority, but only the daemon's settings matter.
  const doctor = await cli(stage, ['doctor'])
  assert.ok(doctor.out.includes(`1 in ${tls.authority}`), doctor.out)
  trusting.kill('SIGTERM')
  assert.equal(await trusting.ended, 0)

  const alone = [...['doctor', '--json'], ...daemon.slice(1)]
  const { findings } = JSON.parse((await cli(stage, alone, env)).out) as {
    findings: { check: string; level: string; message: string; authorities?: object[] }[]
  }
  const found = (check: string) => findings.find((finding) => finding.check === check)
  assert.equal(found('server')?.level, 'ok')
  assert.deepEqual(found('authorities')?.authorities?.[1], { path: tls.authority, certificates: 1 })
  const broken = await cli(stage, alone.slice(0, 1), { ...env, SSL_CERT_FILE: '/nowhere' })
  assert.match(broken.out, /! Certificate authorities in \/nowhere cannot be used: .*\n {2}→ Correct/)
})

/**
 * Opens a proxy on loopback. It records the target of each request, and connects every request to port `to`
 * of this machine.
 */
async function proxy(t: TestContext, to: number, authorization?: string) {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((_request, response) => response.writeHead(405).end())
  server.on('connect', (request, near: Socket) => {
    asked.push(request.url ?? '')
    sockets.add(near)
    near.on('error', () => {})
    if (authorization && request.headers['proxy-authorization'] !== authorization)
      return void near.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n')
    const far = connect(to, '127.0.0.1', () => near.write('HTTP/1.1 200 OK\r\n\r\n'))
    sockets.add(far)
    far.on('error', () => near.destroy())
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { asked, host: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('connections use the proxy with its password, and bypass the proxy for hosts in NO_PROXY', async (t) => {
  const { stage, tls, key } = await secured(t)
  const secret = 'pass-of-the-proxy'
  const way = await proxy(t, stage.port, `Basic ${Buffer.from(`user:${secret}`).toString('base64')}`)
  const args = ['run', '--server-url', `wss://os.example.test:${stage.port}`, '--key-file', key]
  const run = (env: Record<string, string>) => stage.run([...args, '--ca-file', tls.authority], env)

  // `DEBUG` makes many packages log their actions.
  const daemon = run({ HTTPS_PROXY: `http://user:${secret}@${way.host}`, DEBUG: '*' })
  await until(() => daemon.log().includes('info  connected'), { what: 'the connection' })
  assert.deepEqual(new Set(way.asked), new Set([`os.example.test:${stage.port}`]))
  assert.doesNotMatch(daemon.log(), new RegExp(secret))
  // Commands for the hub use the same proxy. The hub listens on loopback and does not answer requests to
  // another name.
  const list = await cli(stage, ['machine', 'list'], {
    FOMULAR_HUB_URL: `https://os.example.test:${stage.port}`,
    FOMULAR_HUB_KEY: stage.userKey(),
    HTTPS_PROXY: `http://user:${secret}@${way.host}`,
    DEBUG: '*',
    NODE_EXTRA_CA_CERTS: tls.authority,
  })
  assert.equal(list.code, 4)
  assert.match(list.out, /error: This hub answers only requests to a loopback name/)
  assert.doesNotMatch(list.out, new RegExp(secret))
  daemon.kill('SIGTERM')
  assert.equal(await daemon.ended, 0)

  const stranger = run({ HTTPS_PROXY: `http://${way.host}` })
  await until(() => /not connected: .*407/.test(stranger.log()), { what: 'the refusal of the proxy' })
  stranger.kill('SIGTERM')
  await stranger.ended

  const before = way.asked.length
  const past = run({ HTTPS_PROXY: `http://${way.host}`, NO_PROXY: '.example.test' })
  // This host does not exist.
  await until(() => /not connected: .*os\.example\.test/.test(past.log()), { what: 'the direct try' })
  assert.equal(way.asked.length, before)
})
