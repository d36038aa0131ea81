import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { socketAddress, stateDir, statePaths } from '../../../src/config/paths.ts'

const dir = mkdtempSync(join(tmpdir(), 'fomular-paths-'))
after(() => rmSync(dir, { recursive: true, force: true }))

test('the state folder comes from its variable, from systemd or from the home folder', () => {
  assert.equal(stateDir({ HOME: '/home/me' }), '/home/me/.fomular/state')
  assert.equal(stateDir({ HOME: '/home/me', STATE_DIRECTORY: '/var/lib/a:/var/lib/b' }), '/var/lib/a')
  assert.equal(
    stateDir({ FOMULAR_STATE_DIR: 'relative', STATE_DIRECTORY: '/x' }),
    join(process.cwd(), 'relative'),
  )
})

test('a socket path within the length limit of the system is used unchanged', () => {
  const { socket } = statePaths('/var/lib/fomular')
  assert.equal(socketAddress(socket), '/var/lib/fomular/daemon.sock')
})

test('a socket path over the length limit also works', async () => {
  const { socket } = statePaths(join(dir, 'x'.repeat(120)))
  const server = createServer((peer) => peer.end('hello'))
  server.listen(socketAddress(socket))
  await once(server, 'listening')
  assert.ok(existsSync(socket))
  const peer = connect(socketAddress(socket))
  const [data] = await once(peer, 'data')
  assert.equal(String(data), 'hello')
  server.close()
  await once(server, 'close')
})
