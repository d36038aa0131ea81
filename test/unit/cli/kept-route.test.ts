import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { hubClient } from '../../../src/cli/client/hub.ts'
import { tempDir } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

test('a command sends all its requests to a hub over one connection, and connects again after it ends', async (t) => {
  process.env.FOMULAR_STATE_DIR = tempDir(t)
  let connections = 0
  const hub = createServer((_, response) => response.end(JSON.stringify({ agents: [] })))
  hub.on('connection', () => connections++)
  hub.listen(0, '127.0.0.1')
  await once(hub, 'listening')
  t.after(() => hub.close())
  const { port } = hub.address() as AddressInfo
  const client = hubClient({ url: `http://127.0.0.1:${port}`, key: 'fuk_key' })
  for (let request = 0; request < 3; request++) assert.deepEqual(await client.agents(), [])
  assert.equal(connections, 1)
  hub.closeAllConnections()
  await until(
    () =>
      client.agents().then(
        () => true,
        () => false,
      ),
    { what: 'another connection' },
  )
  assert.equal(connections, 2)
})
