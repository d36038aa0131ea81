// Needs: root, mount, curl
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { box, whereIs } from '../support/installer.ts'
import { ReleaseServer } from '../support/release-server.ts'

test('an uninstall does not delete a completion file that the user wrote', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  const own = join(machine.home, '.local/share/fish/vendor_completions.d/fomular-daemon.fish')
  mkdirSync(dirname(own), { recursive: true })
  writeFileSync(own, 'mine')
  assert.equal((await machine.run()).code, 0)
  assert.equal((await machine.run(['--uninstall'])).code, 0)
  assert.equal(readFileSync(own, 'utf8'), 'mine')
  assert.deepEqual(
    machine.files().filter((path) => path.startsWith('.fomular')),
    [],
  )
})

test('state and settings stay unless a purge is requested', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  await machine.run()
  mkdirSync(join(machine.prefix, 'state'))
  for (const name of ['state/machine.json', 'config.toml', 'key'])
    writeFileSync(join(machine.prefix, name), '')
  const { out } = await machine.run(['--uninstall'])
  assert.match(out, /State and settings remain/)
  assert.deepEqual(machine.files(), [
    '.fomular',
    '.fomular/config.toml',
    '.fomular/key',
    '.fomular/state',
    '.fomular/state/machine.json',
    'calls',
    'leaked',
  ])
  await machine.run()
  for (const name of ['thesis.txt', 'compiled-run.bin', 'compiled-up.bin', 'compiled-hub.bin'])
    writeFileSync(join(machine.prefix, 'state', name), '')
  const dry = await machine.run(['--uninstall', '--purge', '--dry-run'])
  assert.match(dry.out, /Would remove .*machine\.json/)
  // A folder on the same disk, mounted inside the state folder.
  const agents = join(machine.prefix, 'state/agents/one')
  mkdirSync(agents, { recursive: true })
  const bind = `${whereIs('mount')} --bind '${agents}' '${agents}' && exec "$0" "$@"`
  const wrap = [whereIs('unshare'), '--mount', whereIs('sh'), '-c', bind]
  const withDisk = await machine.run(['--uninstall', '--purge', '--dry-run'], { wrap })
  assert.match(withDisk.out, new RegExp(`Left .*/state: a disk is mounted at ${agents}\\.`))
  assert.doesNotMatch(withDisk.out, /Would remove .*machine\.json/)
  const purged = await machine.run(['--uninstall', '--purge'])
  assert.equal(purged.code, 0, purged.err)
  assert.match(purged.out, /Left .*\.fomular\/state: it contains other files/)
  assert.deepEqual(machine.files(), [
    '.fomular',
    '.fomular/state',
    '.fomular/state/thesis.txt',
    'calls',
    'leaked',
  ])
  const calls = readFileSync(join(machine.home, 'calls'), 'utf8')
  assert.match(calls, /service uninstall --all --purge --dry-run \n.*service uninstall --all --purge \n/s)
})
