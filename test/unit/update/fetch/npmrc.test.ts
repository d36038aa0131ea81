import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { defaultUrl } from 'registry-url'
import type { UpdateFailure } from '../../../../src/update/failure.ts'
import { registryOf } from '../../../../src/update/fetch/npmrc.ts'
import { tempDir } from '../../../support/temp.ts'

test('the registry comes from the daemon’s setting, .npmrc or npm’s default, in that order', (t) => {
  const HOME = tempDir(t)
  const npmrc = (text: string) => writeFileSync(join(HOME, '.npmrc'), text)
  const { signal } = new AbortController()
  const used = (registry?: string) =>
    registryOf({
      package: '@fomular-os/daemon',
      registry,
      cwd: HOME,
      env: { HOME, npm_config_globalconfig: '/nowhere' },
      signal,
    }).url
  assert.equal(`${used()}/`, defaultUrl)
  npmrc('registry=http://127.0.0.1:1/all/\n')
  assert.equal(used(), 'http://127.0.0.1:1/all')
  npmrc('registry=http://127.0.0.1:1/all/\n@fomular-os:registry=http://127.0.0.1:1/scope\n')
  assert.equal(used(), 'http://127.0.0.1:1/scope')
  assert.equal(used('http://127.0.0.1:1/own/'), 'http://127.0.0.1:1/own')
})

test('credentials are found for the registry’s address or a parent path, in every npm notation', (t) => {
  const HOME = tempDir(t)
  const npmrc = (...lines: string[]) => writeFileSync(join(HOME, '.npmrc'), `${lines.join('\n')}\n`)
  const { signal } = new AbortController()
  const used = () =>
    registryOf({
      package: '@fomular-os/daemon',
      registry: 'https://packages.example:8443/npm/all',
      cwd: HOME,
      env: { HOME, npm_config_globalconfig: '/nowhere', SECRET: 'me:secret', FOMULAR_KEY: 'fmk_k' },
      signal,
    })
  const sent = (address = used().url) => used().credentials(address).authorization
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`
  for (const folder of ['/npm/all/', '/npm/all', '/npm/', '/npm', '/', '']) {
    npmrc(`//packages.example:8443${folder}:_authToken=t`)
    assert.equal(sent(), 'Bearer t')
  }
  npmrc(`//packages.example:8443/:_authToken=$\{FOMULAR_KEY}`)
  assert.doesNotMatch(sent() ?? '', /fmk_k/, 'a machine key is never sent to a registry')
  npmrc('//packages.example:8443/npm/other/:_authToken=t', '//packages.example/:_authToken=t')
  assert.equal(sent(), undefined)
  npmrc('//packages.example:8443/:username=me', `//packages.example:8443/:_password=${btoa('secret')}`)
  assert.equal(sent(), basic)
  npmrc(`//packages.example:8443/:_auth=${btoa('me:secret')}`)
  assert.equal(sent(), basic)
  npmrc(
    `//packages.example:8443/npm/:_auth = '${btoa('me:secret')}'`,
    '//packages.example:8443/:_authToken=t ; of others',
    `//files.example/:_authToken=\${SECRET?}`,
  )
  assert.equal(sent(), basic)
  assert.equal(sent('https://packages.example:8443/files/a.tgz'), 'Bearer t')
  npmrc('//packages.example:8443/npm/all/:_authToken=t', `//files.example/:_authToken=\${SECRET?}`)
  assert.equal(sent('https://packages.example:8443/files/a.tgz'), 'Bearer t')
  assert.equal(sent('https://files.example/a.tgz'), 'Bearer me:secret')
  assert.equal(sent('https://storage.example/a.tgz'), undefined)

  writeFileSync(join(HOME, 'cert.pem'), 'a certificate')
  writeFileSync(join(HOME, 'key.pem'), 'a key')
  npmrc(
    'strict-ssl=false',
    'replace-registry-host=never',
    `//packages.example:8443/:certfile=${HOME}/cert.pem`,
    `//packages.example:8443/:keyfile=${HOME}/key.pem`,
  )
  const { anyCertificate, replacedHost, credentials, url } = used()
  assert.deepEqual(
    [anyCertificate, replacedHost, credentials(url).client],
    [true, undefined, { cert: 'a certificate', key: 'a key' }],
  )
  npmrc('')
  assert.deepEqual([used().anyCertificate, used().replacedHost], [false, new URL(defaultUrl).host])

  npmrc('ca[]="one\\n1"', 'ca[]="two"', 'cafile=~/none.pem', 'proxy=null', 'https-proxy=null')
  assert.equal(used().ca, 'one\n1\n\ntwo')
  assert.equal(used().proxies.env.https_proxy, undefined)
  npmrc('proxy=http://one', 'https-proxy=null', 'noproxy=a.example')
  assert.deepEqual(used().proxies.named, {
    http_proxy: `proxy in ${HOME}/.npmrc`,
    https_proxy: `proxy in ${HOME}/.npmrc`,
    no_proxy: `noproxy in ${HOME}/.npmrc`,
  })
  npmrc('cert="a\\nb"', 'key=c', '//packages.example:8443/:_authToken=t')
  assert.deepEqual(used().credentials(used().url), {
    authorization: 'Bearer t',
    client: { cert: 'a\nb', key: 'c' },
  })
  npmrc('cafile=~/cert.pem')
  assert.equal(used().ca, 'a certificate')
})

/** Returns the settings of this .npmrc for the registry. */
function settings(
  t: TestContext,
  lines: string[],
  env: NodeJS.ProcessEnv = {},
  registry: string | null = REGISTRY,
) {
  const HOME = tempDir(t)
  writeFileSync(join(HOME, '.npmrc'), lines.join('\n'))
  const { signal } = new AbortController()
  const all = { HOME, npm_config_globalconfig: '/nowhere', ...env }
  const found = registryOf({
    package: '@fomular-os/daemon',
    registry: registry ?? undefined,
    cwd: HOME,
    env: all,
    signal,
  })
  return { ...found, authorization: found.credentials(found.url).authorization }
}
const REGISTRY = 'https://packages.example/npm'

describe('an .npmrc', () => {
  test('an .npmrc has the syntax that npm reads', (t) => {
    const url = (...lines: string[]) => settings(t, lines, {}, null).url
    assert.equal(url('registry = "https://a.example/" '), 'https://a.example')
    assert.equal(url("registry='https://a.example'"), 'https://a.example')
    assert.equal(url('registry=https://a.example ; of the company'), 'https://a.example')
    assert.equal(url('registry=https://a.example # of the company'), 'https://a.example')
    assert.equal(url('registry=https://a.example/a\\;b\\#c'), 'https://a.example/a;b#c')
    assert.equal(url(';registry=https://b.example', 'registry=https://a.example\r'), 'https://a.example')
    assert.equal(
      url('registry=https://a.example', '[later]', 'registry=https://b.example'),
      'https://a.example',
    )
    assert.equal(`${url('registry=null')}/`, defaultUrl)
    const ca = ['ca="-----BEGIN\\none"', 'ca[]=two'].join('\n')
    assert.equal(
      settings(t, [ca, 'cafile=/nowhere', '__proto__=x', '[__proto__]', 'ca=three']).ca,
      '-----BEGIN\none\n\ntwo',
    )
  })

  test('an .npmrc can turn off a proxy', (t) => {
    for (const off of ['false', 'null', '', '"false"']) {
      const { env } = settings(t, ['proxy=http://one.example', `https-proxy=${off}`]).proxies
      assert.equal(env.http_proxy, 'http://one.example')
      assert.equal(env.https_proxy, 'http://one.example')
      const none = settings(t, [`https-proxy=${off}`, `proxy=${off}`]).proxies
      assert.deepEqual([none.env.https_proxy, none.env.http_proxy, none.named], [undefined, undefined, {}])
    }
  })

  test('an .npmrc may include the default port in the address of a registry', (t) => {
    const sent = (line: string, registry?: string) => settings(t, [line], {}, registry).authorization
    assert.equal(sent('//packages.example:443/npm/:_authToken=t'), 'Bearer t')
    assert.equal(sent('//packages.example:443/:_authToken=t', 'https://packages.example:443/npm'), 'Bearer t')
    assert.equal(sent('//packages.example:80/:_authToken=t', 'http://packages.example/npm'), 'Bearer t')
    for (const port of [80, 8443]) assert.equal(sent(`//packages.example:${port}/:_authToken=t`), undefined)
    assert.equal(sent('//packages.example:443/:_authToken=t', 'http://packages.example/npm'), undefined)
  })

  test('variables in an .npmrc are replaced in the same way as by npm', (t) => {
    const sent = (value: string) =>
      settings(t, [`//packages.example/:_authToken=${value}`], { A: 'a', B: '' })
    assert.equal(sent(`x\${A}\${B}y\${A?}`).authorization, 'Bearer xaya')
    assert.equal(sent(`x\${NONE?}`).authorization, 'Bearer x')
    assert.equal(sent(`\\\${A}`).authorization, `Bearer \${A}`)
    assert.deepEqual(sent(`x\${NONE?}`).incomplete(), [])
  })

  test('unset variables in an .npmrc are named in the error', (t) => {
    const { authorization, ca, proxies, incomplete } = settings(t, [
      `//packages.example/:_authToken=x\${NPM_TOKEN}`,
      `cafile=\${COMPANY}/ca.pem`,
      `https-proxy=\${PROXY}`,
      `//other.example/:_authToken=\${OTHER}`,
    ])
    const { incomplete: keys } = settings(t, [
      `//\${HOST}/:_authToken=t`,
      `//\${OTHER?}/:_authToken=\${ANOTHER}`,
    ])
    assert.deepEqual(
      keys().map(({ key, unset }) => [key, unset]),
      [[`//\${HOST}/:_authToken`, 'HOST']],
    )
    assert.deepEqual([authorization, ca, proxies.env.https_proxy], [undefined, undefined, undefined])
    assert.deepEqual(
      incomplete().map(({ unset }) => unset),
      ['COMPANY', 'PROXY', 'NPM_TOKEN'],
    )
    assert.deepEqual(
      settings(t, [`//packages.example/:_authToken=\${FOMULAR_KEY}`], { FOMULAR_KEY: 'fmk_k' })
        .incomplete()
        .map(({ unset, value }) => [unset, value]),
      [['FOMULAR_KEY', '']],
    )
  })

  test('a registry with an unset variable in an .npmrc is refused', (t) => {
    for (const key of ['registry', '@fomular-os:registry'])
      assert.throws(
        () => settings(t, [`${key}=https://\${HOST}/npm`], {}, null),
        ({ error }: UpdateFailure) => {
          assert.match(
            error.message,
            new RegExp(`^/.*/\\.npmrc uses \\$\\{HOST\\}, which is not set, for ${key}\\.$`),
          )
          assert.equal(error.remedy, 'Set HOST in the environment of the daemon.')
          return true
        },
      )
    assert.equal(
      settings(t, [`registry=\${HOST}`], { HOST: 'https://a.example' }, null).url,
      'https://a.example',
    )
  })
})
