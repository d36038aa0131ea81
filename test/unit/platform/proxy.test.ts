import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxyAgent, proxyFor } from '../../../src/platform/proxy.ts'

const HTTPS_PROXY = 'http://proxy:3128'

test('the scheme of the URL selects the proxy variable, whose name may be in upper or lower case', () => {
  assert.equal(proxyFor('wss://server/', {}), undefined)
  assert.equal(proxyFor('wss://server/', { HTTPS_PROXY }), HTTPS_PROXY)
  assert.equal(proxyFor('wss://server/', { https_proxy: 'proxy:3128' }), HTTPS_PROXY)
  assert.equal(proxyFor('wss://server/', { HTTP_PROXY: 'http://other' }), undefined)
  assert.equal(proxyFor('ws://server/', { HTTP_PROXY: 'http://other', HTTPS_PROXY }), 'http://other')
  assert.equal(proxyFor('wss://server/', { ALL_PROXY: HTTPS_PROXY }), HTTPS_PROXY)
  assert.equal(proxyFor('wss://server/', { HTTPS_PROXY: 'http://a', https_proxy: 'http://b' }), 'http://b')
})

test('an empty variable names no proxy, and the variable with the other spelling (upper or lower case) is used instead', () => {
  const ALL_PROXY = 'http://all'
  for (const none of [{ HTTPS_PROXY: '' }, { https_proxy: '' }, { https_proxy: '', HTTPS_PROXY: '' }])
    assert.equal(proxyFor('wss://server/', { ALL_PROXY, ...none }), undefined)
  for (const none of [{ HTTP_PROXY: '' }, { http_proxy: '' }])
    assert.equal(proxyFor('ws://server/', { all_proxy: ALL_PROXY, ...none }), undefined)
  assert.equal(proxyFor('wss://server/', { ALL_PROXY, http_proxy: '' }), ALL_PROXY)
  assert.equal(proxyFor('wss://server/', { ALL_PROXY: '', all_proxy: '' }), undefined)
  assert.equal(proxyFor('wss://server/', { https_proxy: '', HTTPS_PROXY }), HTTPS_PROXY)
  assert.equal(proxyFor('wss://server/', { https_proxy: HTTPS_PROXY, HTTPS_PROXY: '' }), HTTPS_PROXY)
})

test('connections to this machine never use a proxy', () => {
  for (const host of ['localhost', 'hub.localhost', 'localhost.', '127.0.0.1', '127.1.2.3', '[::1]'])
    assert.equal(proxyFor(`ws://${host}:3001`, { ALL_PROXY: HTTPS_PROXY }), undefined, host)
  assert.equal(proxyFor('wss://127.0.0.1.example.com', { HTTPS_PROXY }), HTTPS_PROXY)
})

test('NO_PROXY names hosts in all common notations', () => {
  const cases: [noProxy: string, url: string, direct: boolean][] = [
    ['*', 'wss://server', true],
    ['server', 'wss://server', true],
    ['SERVER', 'wss://Server', true],
    ['other', 'wss://server', false],
    ['example.com', 'wss://example.com', true],
    ['example.com', 'wss://a.b.example.com', true],
    ['example.com', 'wss://notexample.com', false],
    ['.example.com', 'wss://a.example.com', true],
    ['.example.com', 'wss://notexample.com', false],
    ['*.example.com', 'wss://a.example.com', true],
    ['a, b;c ,server', 'wss://server', true],
    ['a b server', 'wss://server', true],
    ['server:443', 'wss://server', true],
    ['server:443', 'wss://server:8443', false],
    ['server:8443', 'wss://server:8443', true],
    ['server:80', 'ws://server', true],
    ['10.0.0.1', 'wss://10.0.0.1:3001', true],
    ['2001:db8::5', 'wss://[2001:db8::5]', true],
    ['[2001:db8::5]', 'wss://[2001:db8::5]', true],
    ['[2001:db8::5]:3001', 'wss://[2001:db8::5]:3001', true],
    ['[2001:db8::5]:3001', 'wss://[2001:db8::5]:3002', false],
    ['2001:db8::5:3', 'wss://[2001:db8::5:3]', true],
    ['10.0.0.0/8', 'wss://10.200.3.4', true],
    ['10.0.0.0/8', 'wss://11.0.0.1', false],
    ['10.0.0.0/8', 'wss://10.example.com', false],
    ['10.0.0.0/8:8443', 'wss://10.1.1.1:8443', true],
    ['10.0.0.0/8:8443', 'wss://10.1.1.1', false],
    ['10.0.0.0/33', 'wss://10.0.0.0', false],
    ['0.0.0.0/0', 'wss://192.0.2.1', true],
    ['0.0.0.0/0', 'wss://server', false],
    ['192.168.0.0/16', 'wss://[::ffff:192.168.1.1]', true],
    ['fd00::/8', 'wss://[fd12::1]', true],
    ['[fd00::]/8', 'wss://[fd12::1]', true],
    ['[fd00::]/8:443', 'wss://[fd12::1]:444', false],
    ['fd00::/8', 'wss://[2001:db8::1]', false],
    ['2001:DB8:0:0::5', 'wss://[2001:db8::5]', true],
    ['0.0.1', 'wss://10.0.0.1', false],
    ['example.com.', 'wss://a.example.com', true],
    ['example.com', 'wss://example.com.', true],
    ['.example.com.', 'wss://a.example.com.:443', true],
    ['example.com.:443', 'wss://example.com', true],
    ['*.example.com', 'wss://notexample.com', false],
    ['*.example.com:8443', 'wss://a.example.com:8443', true],
    ['*.example.com:8443', 'wss://a.example.com', false],
    ['*:8443', 'wss://server:8443', true],
    ['*:8443', 'wss://server', false],
    ['192.168.*', 'wss://192.168.7.7', true],
    ['192.168.*', 'wss://192.169.7.7', false],
    ['build-*.example.com', 'wss://build-7.example.com', true],
    ['build-*.example.com', 'wss://buildx7.example.com', false],
    ['a*b*c.example.com', 'wss://a1b2c.example.com', true],
    ['a*b*c.example.com', 'wss://a1c2b.example.com', false],
    ['build**.example.com', 'wss://build.example.com', true],
    ['server*server', 'wss://server', false],
    // A regular expression made from this pattern would take forever.
    [`${'*a'.repeat(30)}b`, `wss://${'a'.repeat(60)}`, false],
    ['a+b(', 'wss://server', false],
    ['', 'wss://server', false],
    ['.', 'wss://server', false],
    [',,', 'wss://server', false],
  ]
  for (const [NO_PROXY, url, direct] of cases)
    assert.equal(
      proxyFor(url, { ALL_PROXY: HTTPS_PROXY, NO_PROXY }) === undefined,
      direct,
      `${NO_PROXY} for ${url}`,
    )
})

test('the remedy for an unsupported proxy names the variable that takes precedence', async () => {
  const socks = 'socks5://name:pass@proxy:1080'
  const set = (name: string, others = 'NO_PROXY') =>
    `Set ${name} to http://HOST:PORT, or name this host in ${others}.`
  const cases: [url: string, env: NodeJS.ProcessEnv, remedy: string][] = [
    ['wss://server', { HTTPS_PROXY: socks }, set('HTTPS_PROXY')],
    ['wss://server', { https_proxy: socks, HTTPS_PROXY }, set('https_proxy')],
    ['ws://server', { HTTP_PROXY: socks, HTTPS_PROXY, no_proxy: 'x' }, set('HTTP_PROXY', 'no_proxy')],
    ['wss://server', { all_proxy: socks }, set('HTTPS_PROXY').replace(',', ' (it comes before all_proxy),')],
    ['ws://server', { ALL_PROXY: socks }, set('HTTP_PROXY').replace(',', ' (it comes before ALL_PROXY),')],
  ]
  for (const [url, env, remedy] of cases)
    await assert.rejects(proxyAgent(url, env), ({ message, remedy: said }: Error & { remedy?: string }) => {
      assert.doesNotMatch(message, /pass/)
      assert.equal(said, remedy)
      return true
    })
})

test('a proxy with an undecodable login is refused without showing the password', async () => {
  for (const login of ['name:100%', 'na%me:25', 'name%:25', 'name:a%zzb', '100%:word', 'name:%ff'])
    await assert.rejects(
      proxyAgent('wss://server/', { HTTPS_PROXY: `http://${login}@proxy:3128` }),
      ({ message, remedy }: Error & { remedy?: string }) =>
        /is not percent-encoded$/.test(message) && /%25/.test(remedy ?? '') && !message.includes('%'),
      login,
    )
  assert.ok(await proxyAgent('wss://server/', { HTTPS_PROXY: 'http://name:100%25@proxy:3128' }))
})
