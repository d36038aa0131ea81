// Needs: busybox, curl, ksh93, zsh
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { box, SHELLS } from '../support/installer.ts'
import { ReleaseServer } from '../support/release-server.ts'

test('a token enrolls the machine without appearing in arguments or the environment', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  for (const shell of SHELLS) {
    const machine = box(t, server)
    writeFileSync(join(machine.home, 'running'), '')
    const env = { FOMULAR_ENROLL_TOKEN: 'fet_secret' }
    const args = ['--server-url', server.url, '--service', 'none']
    const { code, err } = await machine.run(args, { env, shell })
    assert.equal(code, 0, err)
    assert.equal(
      readFileSync(join(machine.home, 'calls'), 'utf8'),
      `enroll --server-url ${server.url} --token-stdin fet_secret\n`,
    )
    assert.equal(readFileSync(join(machine.home, 'leaked'), 'utf8'), '')
  }
})

test('the installer passes the key file and the service manager to the program', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  writeFileSync(join(machine.home, 'key'), 'k')
  const args = ['--server-url', 'wss://os.example.com', '--key-file', join(machine.home, 'key')]
  assert.equal((await machine.run([...args, '--service', 'pm2'])).code, 0)
  writeFileSync(join(machine.home, 'running'), '')
  await server.release('1.1.0')
  assert.equal((await machine.run()).code, 0)
  assert.equal((await machine.run(['--uninstall'])).code, 0)
  assert.deepEqual(readFileSync(join(machine.home, 'calls'), 'utf8').split('\n'), [
    `enroll --server-url wss://os.example.com --with-key ${machine.home}/key `,
    'service install --manager pm2 ',
    'service restart --manager pm2 --name fomular-daemon ',
    'service uninstall --all ',
    '',
  ])
})
