import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxyFor } from '../../../src/platform/proxy.ts'

const HTTPS_PROXY = 'http://proxy:3128'

test('a proxy is taken by the kind of url, in either case, with or without its scheme', () => {
  assert.equal(proxyFor('wss://server/', {}), undefined)
  assert.equal(proxyFor('wss://server/', { HTTPS_PROXY }), HTTPS_PROXY)
  assert.equal(proxyFor('wss://server/', { https_proxy: 'proxy:3128' }), HTTPS_PROXY)
  assert.equal(proxyFor('wss://server/', { HTTP_PROXY: 'http://other' }), undefined)
  assert.equal(proxyFor('ws://server/', { HTTP_PROXY: 'http://other', HTTPS_PROXY }), 'http://other')
  assert.equal(proxyFor('wss://server/', { ALL_PROXY: HTTPS_PROXY }), HTTPS_PROXY)
  assert.equal(proxyFor('wss://server/', { HTTPS_PROXY: 'http://a', https_proxy: 'http://b' }), 'http://b')
})

test('this machine itself is never reached through a proxy', () => {
  for (const host of ['localhost', 'hub.localhost', '127.0.0.1', '127.1.2.3', '[::1]'])
    assert.equal(proxyFor(`ws://${host}:3001`, { ALL_PROXY: HTTPS_PROXY }), undefined, host)
  assert.equal(proxyFor('wss://127.0.0.1.example.com', { HTTPS_PROXY }), HTTPS_PROXY)
})

test('NO_PROXY names hosts in all their forms', () => {
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
