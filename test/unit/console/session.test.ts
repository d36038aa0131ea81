import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserName } from '../../../src/client/browser-name.ts'
import type { TransportRequest } from '../../../src/client/transport.ts'
import { keyProblem } from '../../../src/console/session/key-problem.ts'
import { StoredSecret } from '../../../src/console/session/stored-secret.ts'
import { tokenIn } from '../../../src/console/session/token-in.ts'
import { watched } from '../../../src/console/session/watched.ts'

test('a token is found only in an address that is made for signing in', () => {
  assert.equal(tokenIn('#token=fst_aB-9'), 'fst_aB-9')
  assert.equal(tokenIn('#token=a%2Bb'), 'a+b')
  for (const hash of [
    '',
    '#',
    '#/',
    '#/agents/token=x',
    '#token=',
    '#token=%',
    '#token=a b',
    `#token=${'x'.repeat(257)}`,
  ])
    assert.equal(tokenIn(hash), undefined, hash)
})

function items() {
  const all = new Map<string, string>()
  return {
    all,
    getItem: (name: string) => all.get(name) ?? null,
    setItem: (name: string, value: string) => void all.set(name, value),
    removeItem: (name: string) => void all.delete(name),
  }
}

test('two hubs behind one proxy keep separate secrets', () => {
  const storage = items()
  const [one, other] = [new StoredSecret(storage, '/one'), new StoredSecret(storage, '/other')]
  one.value = 'a'
  assert.deepEqual([one.value, other.value], ['a', undefined])
  other.value = 'b'
  one.value = undefined
  assert.deepEqual([one.value, other.value], [undefined, 'b'])
  assert.equal(storage.all.size, 1)
})

test('a secret that another tab has removed or replaced is gone', () => {
  const storage = items()
  const [one, other] = [new StoredSecret(storage, '/'), new StoredSecret(storage, '/')]
  one.value = 'a'
  other.value = 'b'
  assert.equal(one.value, 'b')
  other.value = undefined
  assert.equal(one.value, undefined)
})

test('a browser that forbids storage keeps the secret until the page is closed', () => {
  const refuse = () => {
    throw new Error('forbidden')
  }
  for (const storage of [undefined, { getItem: refuse, setItem: refuse, removeItem: refuse }]) {
    const secret = new StoredSecret(storage, '/')
    secret.value = 'a'
    assert.equal(secret.value, 'a')
    secret.value = undefined
    assert.equal(secret.value, undefined)
  }
})

test('a text that cannot be a user key is refused with a reason, before it is sent', () => {
  assert.equal(keyProblem('fuk_abc'), undefined)
  assert.match(keyProblem('') ?? '', /Enter a user key/)
  assert.match(keyProblem('fmk_abc') ?? '', /key of a machine/)
  assert.match(keyProblem('fet_abc') ?? '', /enrollment token/)
  for (const text of ['a b', 'schlüssel', 'a\n', 'x'.repeat(300)])
    assert.notEqual(keyProblem(text), undefined)
})

test('an answer with status 401 is reported, and still reaches the caller', async () => {
  let refusals = 0
  const transport = watched(
    {
      url: 'http://hub',
      send: async ({ path }: TransportRequest) => ({
        status: path === '/ok' ? 200 : 401,
        body: (async function* () {})(),
        discard() {},
      }),
    },
    () => refusals++,
  )
  const send = (path: string) =>
    transport.send({ method: 'GET', path, headers: {}, signal: new AbortController().signal })
  assert.deepEqual([(await send('/ok')).status, refusals], [200, 0])
  assert.deepEqual([(await send('/ended')).status, refusals], [401, 1])
})

test('a browser is named by its kind and its system', () => {
  const chrome =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36'
  assert.equal(browserName(chrome), 'Chrome on Linux')
  assert.equal(browserName(`${chrome} Edg/156.0`), 'Edge on Linux')
  assert.equal(
    browserName(
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1',
    ),
    'Safari on iPhone',
  )
  assert.equal(
    browserName('Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0'),
    'Firefox on Android',
  )
  assert.equal(browserName('curl/8.0'), 'curl')
  for (const foreign of [undefined, '', '<script>', 'x'.repeat(200)])
    assert.equal(browserName(foreign), 'Unknown browser')
})
