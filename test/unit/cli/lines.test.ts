import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linesFor } from '../../../src/cli/machine/lines.ts'

const install = (url: string) => linesFor({ url, token: 'T', installer: true }).install

test('the line for another machine leads to the hub, also where a proxy has put it below a path', () => {
  assert.equal(
    install('https://os.example.com'),
    'curl -fsSL https://os.example.com/install.sh | FOMULAR_ENROLL_TOKEN=T sh',
  )
  assert.equal(
    install('http://10.0.0.1:3001'),
    'curl -fsSL http://10.0.0.1:3001/install.sh | FOMULAR_ENROLL_TOKEN=T sh -s -- --allow-insecure',
  )
  const below = 'https://os.example.com/hub'
  assert.equal(
    install(below),
    `curl -fsSL ${below}/install.sh | FOMULAR_ENROLL_TOKEN=T sh -s -- --base-url ${below}/releases --server-url ${below}`,
  )
})
