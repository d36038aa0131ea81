// Needs: root, busybox, curl, fish, ksh93, openssl, sudo, wget, zsh
import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, request } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { linesFor } from '../../src/cli/machine/lines.ts'
import { certificates } from '../support/certificates.ts'
import { ReleaseServer } from '../support/release-server.ts'
import { Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const INSTALLER = fileURLToPath(new URL('../../installer/install.sh', import.meta.url))
const SCRIPT = readFileSync(INSTALLER, 'utf8')
/** Shells into which users paste the line. */
const SHELLS = [['bash'], ['dash'], ['zsh'], ['fish'], ['ksh93'], ['busybox', 'sh']]

/** Home folder of a user on an empty machine. */
class Home {
  readonly dir: string
  readonly prefix: string

  constructor(t: TestContext) {
    this.dir = join(tempDir(t), "o'home $x")
    mkdirSync(this.dir)
    this.prefix = join(this.dir, 'program')
  }

  /** Pastes a line into a shell. Installs below this home folder, even if root runs the tests. */
  async paste(line: string, [shell, ...args]: string[]) {
    const flags = `--service none --prefix "$HOME/program"`
    const { exitCode, stdout, stderr } = await execa(shell!, [...args, '-c', `${line} ${flags}`], {
      env: { PATH: process.env.PATH, HOME: this.dir, TMPDIR: this.dir },
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      timeout: 60_000,
    })
    return { code: exitCode, out: stdout, err: stderr }
  }

  /** Returns the files in the home folder, except files that fish creates itself. */
  files() {
    return readdirSync(this.dir)
      .filter((name) => !['.config', '.local', '.cache'].includes(name))
      .sort()
  }

  calls() {
    const path = join(this.dir, 'calls')
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }
}

async function release(t: TestContext) {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  copyFileSync(INSTALLER, join(server.dir, 'install.sh'))
  return server
}

/** Starts a hub that serves a release. */
async function hub(t: TestContext, flags: string[] = [], url?: (port: number) => string, env = {}) {
  const stage = await Stage.open(t, env)
  const server = await release(t)
  mkdirSync(join(stage.state, 'hub'), { recursive: true, mode: 0o700 })
  symlinkSync(server.dir, join(stage.state, 'hub/releases'))
  if (url) stage.env.FOMULAR_HUB_URL = url(stage.port)
  stage.env.FOMULAR_HUB_KEY_FILE = join(stage.state, 'hub/user.key')
  const running = stage.run(['hub', '--host', '127.0.0.1', '--port', String(stage.port), ...flags])
  await until(() => /Hub: /.test(running.log()), { what: 'the hub' })
  const add = async (...args: string[]) => {
    const command = stage.run(['machine', 'add', '--json', ...args])
    assert.equal(await command.ended, 0, command.log())
    return JSON.parse(command.log()) as Record<
      'install' | 'install_wget' | 'enroll' | 'token' | 'server_url',
      string
    > & {
      warnings: string[]
    }
  }
  return { stage, server, add }
}

test('the install line passes a private certificate authority of the hub to the installer, in any shell', async (t) => {
  const dir = tempDir(t)
  const { authority, certificate, key } = certificates(dir, ['127.0.0.1'])
  const { stage, add } = await hub(
    t,
    ['--tls-cert', certificate, '--tls-key', key],
    (port) => `https://127.0.0.1:${port}`,
    { NODE_EXTRA_CA_CERTS: authority },
  )
  const { install, install_wget, token, warnings } = await add()
  assert.equal(warnings.length, 1, warnings.join())
  for (const [line, shells] of [
    [install, SHELLS],
    [install_wget, SHELLS.slice(0, 1)],
    // sudo drops the environment, but passes standard input.
    [install.replace(' sh -c', ' sudo HOME="$HOME" sh -c'), SHELLS.slice(0, 1)],
  ] as const)
    for (const shell of shells) {
      const home = new Home(t)
      const { code, err } = await home.paste(line, shell)
      assert.equal(code, 0, `${shell}: ${err}`)
      assert.equal(
        home.calls(),
        `enroll --server-url ${stage.hubUrl} --ca-file ${home.prefix}/ca.pem --token-stdin ${token}\n`,
      )
      assert.equal(readFileSync(join(home.prefix, 'ca.pem'), 'utf8'), readFileSync(authority, 'utf8'))
      assert.deepEqual(home.files(), ['calls', 'leaked', 'program'], 'no temporary file')
      assert.ok(!readFileSync(join(home.dir, 'leaked'), 'utf8').includes(token))
    }
  // Without the certificate authority, the line fails and installs nothing.
  const without = linesFor({ url: stage.hubUrl, token, installer: SCRIPT })
  for (const shell of SHELLS) {
    const home = new Home(t)
    const { code, err } = await home.paste(without.install, shell)
    assert.notEqual(code, 0, `${shell}`)
    assert.match(err, /curl: \(60\)/)
    assert.deepEqual(home.files(), [])
  }
  // The line contains the requested authority, even if this machine cannot check the address.
  const told = await add('--ca-file', authority, '--address', 'https://hub.invalid')
  assert.ok(told.install.includes(readFileSync(authority, 'utf8').split('\n')[1]!))
  assert.deepEqual(told.warnings, [])
  assert.match(
    (await add('--address', 'https://hub.invalid')).warnings.join(),
    /could not be checked from here/,
  )
})

test('local commands accept the hub’s certificate for other names, but no other certificate', async (t) => {
  const { certificate, key } = certificates(tempDir(t), ['hub.invalid'])
  const { stage, add } = await hub(t, ['--tls-cert', certificate, '--tls-key', key])
  delete stage.env.FOMULAR_HUB_URL
  const { server_url, warnings } = await add()
  assert.equal(server_url, `https://127.0.0.1:${stage.port}`)
  assert.match(warnings.join(), /could not be checked from here/)
  const list = stage.run(['machine', 'list', '--json'])
  assert.deepEqual([await list.ended, list.log()], [0, '{"machines":[],"enrolled":[]}\n'])
  // The server on this port lacks the certificate in the hub's folder, so it must not receive the key.
  const other = certificates(tempDir(t), ['hub.invalid'])
  let requests = 0
  const impostor = createTlsServer(
    { cert: readFileSync(other.certificate), key: readFileSync(other.key) },
    () => requests++,
  )
  await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve))
  t.after(() => impostor.close())
  const record = join(stage.state, 'hub/hub.json')
  const port = String((impostor.address() as AddressInfo).port)
  writeFileSync(record, readFileSync(record, 'utf8').replace(String(stage.port), port))
  const refused = stage.run(['machine', 'list'])
  assert.equal(await refused.ended, 1)
  assert.match(refused.log(), /does not have the hub's certificate/)
  assert.equal(requests, 0)
})

test('the install line includes a self-signed certificate of the hub', async (t) => {
  const dir = tempDir(t)
  const [certificate, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
  const subject = ['-subj', '/CN=x', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', key, '-out', certificate]
  await execa('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files])
  const { stage, add } = await hub(t, ['--tls-cert', certificate, '--tls-key', key])
  delete stage.env.FOMULAR_HUB_URL
  const { install } = await add('--address', `https://127.0.0.1:${stage.port}`)
  const home = new Home(t)
  const { code, err } = await home.paste(install, ['bash'])
  assert.equal(code, 0, err)
  assert.equal(readFileSync(join(home.prefix, 'ca.pem'), 'utf8'), readFileSync(certificate, 'utf8'))
})

test('with an older installer, the certificate authority stays in the file that the configuration names', async (t) => {
  const { authority, certificate, key } = certificates(tempDir(t), ['127.0.0.1'])
  const env = { NODE_EXTRA_CA_CERTS: authority }
  const { server, add } = await hub(
    t,
    ['--tls-cert', certificate, '--tls-key', key],
    (port) => `https://127.0.0.1:${port}`,
    env,
  )
  const keeps = / {4}if ! cp "\$ca_file"[\s\S]*? {4}set -- "\$@" --ca-file "\$prefix\/ca\.pem"\n/
  const older = SCRIPT.replace(keeps, '    set -- "$@" --ca-file "$ca_file"\n').replace(
    ' "$prefix/ca.pem"',
    '',
  )
  assert.doesNotMatch(older, /cp "\$ca_file"/)
  writeFileSync(join(server.dir, 'install.sh'), older)
  const home = new Home(t)
  const { code, err } = await home.paste((await add()).install, ['bash'])
  assert.equal(code, 0, err)
  const [, file = ''] = / --ca-file (.*) --token-stdin/.exec(home.calls()) ?? []
  assert.equal(readFileSync(file, 'utf8'), readFileSync(authority, 'utf8'))
})

test('if the download fails, an install line exits with an error in any shell and leaves nothing behind', async (t) => {
  const server = await release(t)
  const whole = readFileSync(INSTALLER)
  const script = join(server.dir, 'install.sh')
  const { install, install_wget } = linesFor({ url: server.url, token: 'T', installer: SCRIPT })
  const gone = linesFor({ url: 'http://127.0.0.1:1', token: 'T', installer: SCRIPT })
  const cases: [string, string[], () => void][] = [
    ['no server', [gone.install, gone.install_wget!], () => {}],
    ['no installer', [install, install_wget!], () => server.fail({ missing: /install/ })],
    ['a truncated download', [install], () => server.fail({ cut: { path: /install/, bytes: 9000 } })],
    [
      'a truncated download that seems complete',
      [install, install_wget!],
      () => {
        server.fail({})
        writeFileSync(script, whole.subarray(0, 9000))
      },
    ],
    ['nothing', [install, install_wget!], () => writeFileSync(script, '')],
  ]
  for (const [name, lines, arrange] of cases) {
    arrange()
    for (const line of lines)
      for (const shell of SHELLS) {
        const home = new Home(t)
        const { code } = await home.paste(line, shell)
        assert.notEqual(code, 0, `${name}: ${shell}`)
        assert.deepEqual(home.files(), [], `${name}: ${shell}`)
      }
  }
  writeFileSync(script, whole)
  for (const line of [install, install_wget!])
    assert.equal(
      (await new Home(t).paste(`${line} --server-url ${server.url} --base-url ${server.url}`, ['dash'])).code,
      0,
    )
})

test('an unusable token is detected before any download', async (t) => {
  const { stage, server, add } = await hub(t)
  const { install, install_wget, token } = await add('--name', 'd13')
  for (const [line, used] of [
    [install.replace(token, 'fet_guessed'), false],
    [install_wget.replace(token, 'fet_guessed'), false],
    [install, true],
  ] as const) {
    if (used) await stage.run(['enroll', '--server-url', stage.hubUrl], { FOMULAR_ENROLL_TOKEN: token }).ended
    const home = new Home(t)
    const { code, out, err } = await home.paste(line, ['dash'])
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /does not accept this token.*\n {2}→ Get a new line: run `fomular-daemon machine add`/)
    assert.deepEqual(home.files(), [])
  }
  // On the machine that used the token, the line reports that the machine is enrolled, and installs the newer
  // version.
  const home = new Home(t)
  symlinkSync(join(stage.env.HOME!, '.fomular'), join(home.dir, '.fomular'))
  await server.release('1.1.0')
  const again = await home.paste(install, ['dash'])
  assert.equal(again.code, 0, again.err)
  assert.match(again.out, /1\.1\.0 is installed/)
  const config = join(stage.env.HOME!, '.fomular/config.toml')
  writeFileSync(
    config,
    readFileSync(config, 'utf8').replace(/server_url.*/, 'server_url = "wss://other.example.com"'),
  )
  const moved = await home.paste((await add()).install, ['dash'])
  assert.equal(moved.code, 1)
  assert.match(moved.err, /already enrolled at https:\/\/other\.example\.com\..*\n.*--force/)
  assert.equal((await home.paste(`${(await add()).install} --force`, ['dash'])).code, 0)
  assert.match(home.calls(), / --force --token-stdin/)
})

test('a hub whose address has a path works with its install line and with the plain installer', async (t) => {
  const { stage, add } = await hub(t)
  let told = false
  const proxy = createServer((incoming, response) => {
    const headers = { ...incoming.headers, ...(told && { 'x-forwarded-prefix': '/fomular' }) }
    const path = incoming.url?.replace(/^\/fomular(?=\/)/, '')
    if (path === incoming.url) {
      response.writeHead(404).end()
      return
    }
    const options = { port: stage.port, host: '127.0.0.1', path, method: incoming.method, headers }
    incoming.pipe(
      request(options, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(response)
      }),
    )
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.after(() => proxy.close())
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/fomular`
  const { install, token } = await add('--address', `${url}/`)
  const bare = (flags: string) => `FOMULAR_ENROLL_TOKEN=${token} sh -s -- ${flags}`
  for (const line of [
    install,
    `curl -fsS ${url}/install.sh | ${bare(`--server-url ${url}`)}`,
    `cat '${INSTALLER}' | ${bare(`--server-url ${url}/`)}`,
    `curl -fsS ${url}/install.sh | ${bare('')}`,
  ]) {
    const home = new Home(t)
    const { code, err } = await home.paste(line, ['bash'])
    assert.equal(code, 0, `${line}: ${err}`)
    assert.match(home.calls(), new RegExp(`enroll --server-url ${url}/? `))
    told = true
  }
})
