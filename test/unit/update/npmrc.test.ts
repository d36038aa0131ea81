import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultUrl } from 'registry-url'
import { registryOf } from '../../../src/update/npmrc.ts'
import { tempDir } from '../../support/temp.ts'

test("where nothing is set, the registry is npm's default; .npmrc and the machine's own choice go before it", (t) => {
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
