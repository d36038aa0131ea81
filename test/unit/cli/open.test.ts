import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasDisplay, pageTo } from '../../../src/cli/open/browser.ts'
import { consoleAddress, signInAddress } from '../../../src/cli/open/console-address.ts'

test('the token is in the fragment of the address, which a browser sends to no server', () => {
  const url = new URL(signInAddress('https://hub.example.com/team', 'a+/b'))
  assert.equal(url.pathname, '/team/')
  assert.equal(url.search, '')
  assert.equal(url.hash, '#token=a%2B%2Fb')
})

test('without TLS, and for a hub on another machine, the console has the address that the command uses', async () => {
  const here = { url: 'http://127.0.0.1:3001', listens: { url: 'http://0.0.0.0:3001' } }
  assert.equal(await consoleAddress(here), 'http://127.0.0.1:3001')
  assert.equal(await consoleAddress({ url: 'https://hub.example.com' }), 'https://hub.example.com')
})

test('the page that leads the browser to the console cannot be broken by an address', () => {
  const page = pageTo(`http://hub/"><script>alert('x')</script>&`)
  assert.doesNotMatch(page, /<script|"">|'x'/)
  assert.match(page, /content="0; url=http:\/\/hub\/&#34;&#62;&#60;script/)
})

test('a browser is opened only where there is a display', () => {
  assert.equal(hasDisplay({}, 'linux'), false)
  assert.equal(hasDisplay({ DISPLAY: '' }, 'linux'), false)
  assert.equal(hasDisplay({ DISPLAY: ':0' }, 'linux'), true)
  assert.equal(hasDisplay({ WAYLAND_DISPLAY: 'wayland-0' }, 'linux'), true)
  assert.equal(hasDisplay({}, 'darwin'), true)
})
