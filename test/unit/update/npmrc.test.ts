import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultUrl } from 'registry-url'
import { registryOf } from '../../../src/update/npmrc.ts'
import { tempDir } from '../../support/temp.ts'

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
