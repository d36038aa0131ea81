import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { linesFor } from '../../src/cli/machine/lines.ts'
import { certificates } from '../support/certificates.ts'
import { Home, hub, SHELLS } from '../support/install-line.ts'
import { script } from '../support/installer.ts'
import { tempDir } from '../support/temp.ts'

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
    // sudo drops the environment, but passes on standard input.
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
  const without = linesFor({ url: stage.hubUrl, token, installer: script })
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

test('local commands accept only the hub’s certificate, even if it was issued for other names', async (t) => {
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
  const impostor = createServer(
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
  const older = script
    .replace(keeps, '    set -- "$@" --ca-file "$ca_file"\n')
    .replace(' "$prefix/ca.pem"', '')
  assert.doesNotMatch(older, /cp "\$ca_file"/)
  writeFileSync(join(server.dir, 'install.sh'), older)
  const home = new Home(t)
  const { code, err } = await home.paste((await add()).install, ['bash'])
  assert.equal(code, 0, err)
  const [, file = ''] = / --ca-file (.*) --token-stdin/.exec(home.calls()) ?? []
  assert.equal(readFileSync(file, 'utf8'), readFileSync(authority, 'utf8'))
})
