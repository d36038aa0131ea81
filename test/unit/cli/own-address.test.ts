// Needs: openssl
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type TestContext, test } from 'node:test'
import { ownAddress } from '../../../src/cli/machine/own-address.ts'
import { certificates } from '../../support/certificates.ts'
import { tempDir } from '../../support/temp.ts'

async function tlsPort(t: TestContext, names: string[]) {
  const { certificate, key } = certificates(tempDir(t), names)
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

test('if a hub listens on all addresses, other machines use a public name in its certificate', async (t) => {
  const port = await tlsPort(t, ['localhost', '*.example.com', 'hub.example.com'])
  const here = `https://127.0.0.1:${port}`
  for (const host of ['0.0.0.0', '[::]', '10.0.0.5']) {
    const { url, notice } = await ownAddress(here, { url: `https://${host}:${port}` })
    assert.equal(url, `https://hub.example.com:${port}`)
    assert.match(notice ?? '', /hub\.example\.com, a name in the hub's certificate.*--address/)
  }
})

test('if a hub has no public name or no TLS, other machines use an address of the hub’s machine', async (t) => {
  const port = await tlsPort(t, ['localhost'])
  const own = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address)
  for (const protocol of ['https:', 'http:']) {
    const here = `${protocol}//127.0.0.1:${port}`
    const { url, notice } = await ownAddress(here, { url: `${protocol}//0.0.0.0:${port}` })
    const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
    assert.ok(isIP(host) !== 0)
    if (own.length > 0) {
      assert.ok(own.includes(host), `${host} is one of ${own}`)
      assert.match(notice ?? '', /an address of this machine/)
    } else assert.equal(url, here)
  }
})

test('if a hub listens on only one address, other machines use this address', async () => {
  for (const url of ['http://127.0.0.1:3001', 'http://10.0.0.5:3001', 'http://[fd00::1]:3001'])
    assert.deepEqual(await ownAddress(url, { url }), { url })
})

test('the address of a hub is known even if the hub does not answer', async () => {
  const { url } = await ownAddress('https://127.0.0.1:1', { url: 'https://10.0.0.5:1' })
  assert.equal(url, 'https://10.0.0.5:1')
})
