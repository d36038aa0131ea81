import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UpdateFailure } from '../../../src/update/failure.ts'
import { fetchPackument, fetchTarball } from '../../../src/update/registry.ts'
import { tempDir } from '../../support/temp.ts'

async function listening(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a package is asked for again, and what lets a machine in at one host goes to no other', async (t) => {
  const heard: string[] = []
  const note = (name: string, authorization: string | undefined) => heard.push(`${name}: ${authorization}`)
  const storage = await listening(t, ({ headers }, response) => {
    note('storage', headers.authorization)
    response.end('a package')
  })
  const files = await listening(t, ({ headers, url }, response) => {
    note('files', headers.authorization)
    if (url === '/a.tgz') response.writeHead(302, { location: '/moved.tgz' }).end()
    else response.writeHead(307, { location: `http://${storage}/a.tgz?signed` }).end()
  })
  let answers = 0
  const registry = await listening(t, ({ headers }, response) => {
    note('registry', headers.authorization)
    response.writeHead(answers++ === 0 ? 503 : 302, { location: `http://${storage}/a.tgz` }).end()
  })
  const HOME = tempDir(t)
  const path = join(HOME, 'package.tgz')
  const lines = [registry, files, storage].map((host, number) => `//${host}/:_authToken=${number}`)
  writeFileSync(join(HOME, '.npmrc'), lines.join('\n'))
  const fetched = async (tarball: string) => {
    const release = { name: 'a', version: '1.0.0', dist: { integrity: '', tarball } }
    const env = { HOME, npm_config_globalconfig: '/nowhere' }
    const { signal } = new AbortController()
    await fetchTarball(release, path, {
      package: 'a',
      registry: `http://${registry}`,
      cwd: HOME,
      env,
      signal,
    })
    assert.equal(readFileSync(path, 'utf8'), 'a package')
    return heard.splice(0)
  }
  assert.deepEqual(await fetched(`http://${registry}/a.tgz`), [
    'registry: Bearer 0',
    'registry: Bearer 0',
    'storage: undefined',
  ])
  assert.deepEqual(await fetched(`http://${files}/a.tgz`), [
    'files: Bearer 1',
    'files: Bearer 1',
    'storage: undefined',
  ])
})

test('what a registry says of a package is bounded in what it holds before it is parsed, as well as in length', async (t) => {
  let answer = ''
  const registry = await listening(t, (_request, response) => response.end(answer))
  const asked = (more: string, versions: object = {}) => {
    const facts = JSON.stringify({
      'dist-tags': { latest: '1.0.0' },
      versions: { '1.0.0': 'it', ...versions },
    })
    answer = `${facts.slice(0, -1)},"more":${more}}`
    const { signal } = new AbortController()
    const HOME = tempDir(t)
    const source = { package: 'a', registry: `http://${registry}`, cwd: HOME, signal }
    return fetchPackument('latest', { ...source, env: { HOME, npm_config_globalconfig: '/nowhere' } })
  }
  const many = Object.fromEntries(
    Array.from({ length: 3000 }, (_, n) => [`0.0.${n}`, { dependencies: Array(80).fill('a-package@1.0.0') }]),
  )
  assert.equal((await asked('[]', many))[1], 'it')
  const noRegistry = (error: unknown) =>
    error instanceof UpdateFailure && /does not answer as a registry/.test(error.message)
  const levels = 10_000
  const tooMuch = [
    `[${Array(400_000).fill('{}')}]`,
    `{${Array.from({ length: 400_000 }, (_, n) => `"${n}":[]`)}}`,
    '['.repeat(levels) + ']'.repeat(levels),
  ]
  for (const more of tooMuch) await assert.rejects(asked(more), noRegistry)
})
