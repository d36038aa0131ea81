import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { ControlClient } from '../../../src/cli/client/control-client.ts'
import { tempDir } from '../../support/temp.ts'

const DEEP = `{"version":${'['.repeat(100_000)}${']'.repeat(100_000)}}`

test('an invalid answer of a daemon is an error with a remedy', async (t) => {
  const socket = join(tempDir(t), 'daemon.sock')
  let answer = ''
  let length: number | undefined
  const server = createServer((_, response) => {
    response.writeHead(200, length === undefined ? {} : { 'content-length': length })
    response.write(answer, () => (length === undefined ? response.end() : response.destroy()))
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  t.after(() => server.close())
  const client = new ControlClient(socket)
  for (answer of ['', '{"version":', '[]', '{"version":1}', 'null', DEEP])
    await assert.rejects(client.status(), { name: 'UserError', code: 'daemon_incompatible' }, answer)
  length = 1000
  await assert.rejects(client.status(), { name: 'UserError', code: 'daemon_not_running' })
})
