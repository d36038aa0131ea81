import assert from 'node:assert/strict'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { linesFor } from '../../src/cli/machine/lines.ts'
import { Home, hub, release, SHELLS } from '../support/install-line.ts'
import { INSTALLER, script } from '../support/installer.ts'

test('if the download fails, an install line exits with an error in any shell and leaves nothing behind', async (t) => {
  const server = await release(t)
  const whole = readFileSync(INSTALLER)
  const served = join(server.dir, 'install.sh')
  const { install, install_wget } = linesFor({ url: server.url, token: 'T', installer: script })
  const gone = linesFor({ url: 'http://127.0.0.1:1', token: 'T', installer: script })
  const cases: [string, string[], () => void][] = [
    ['no server', [gone.install, gone.install_wget!], () => {}],
    ['no installer', [install, install_wget!], () => server.fail({ missing: /install/ })],
    ['a truncated download', [install], () => server.fail({ cut: { path: /install/, bytes: 9000 } })],
    [
      'a truncated download that seems complete',
      [install, install_wget!],
      () => {
        server.fail({})
        writeFileSync(served, whole.subarray(0, 9000))
      },
    ],
    ['nothing', [install, install_wget!], () => writeFileSync(served, '')],
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
  writeFileSync(served, whole)
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
