import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { x } from 'tar'
import { packProgram } from '../../../packaging/npm-packages.ts'
import * as protocol from '../../../src/protocol/index.ts'
import { oldestNode } from '../../support/nodes.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))
const bin = (name: string) => join(root, 'node_modules/.bin', name)
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Returns the unpacked npm package. */
async function packed(t: Cleanup): Promise<string> {
  const out = tempDir(t)
  await x({ file: join(out, await packProgram(out)), cwd: out })
  return join(out, 'package')
}

/** A project with this package as its only dependency. */
function consumer(t: Cleanup, files: Record<string, string>): string {
  const dir = tempDir(t)
  mkdirSync(join(dir, 'node_modules/@fomular-os'), { recursive: true })
  symlinkSync(root, join(dir, 'node_modules/@fomular-os/daemon'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  return dir
}

test('the package contains the built program, the protocol and the documents, but no source', async (t) => {
  const dir = await packed(t)
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map(({ parentPath, name }) => relative(dir, join(parentPath, name)))
  const isChunk = (path: string) => /^dist\/program\/[0-9a-f]{16}\/[a-z-]+\.js(\.map)?$/.test(path)
  const chunks = paths.filter(isChunk)
  for (const path of chunks) assert.ok(chunks.includes(path.replace(/\.js(\.map)?$/, '.js.map')), path)
  assert.equal(new Set(chunks.map(dirname)).size, 1)
  assert.deepEqual(paths.filter((path) => !isChunk(path)).sort(), [
    'LICENSE',
    'README.md',
    'dist/THIRD_PARTY_LICENSES.txt',
    'dist/fomular-daemon.1',
    'dist/index.js',
    'dist/package.json',
    'dist/protocol/README.md',
    'dist/protocol/index.cjs',
    'dist/protocol/index.d.cts',
    'dist/protocol/index.d.mts',
    'dist/protocol/index.mjs',
    'dist/protocol/openapi.json',
    'dist/protocol/schema.json',
    'package.json',
  ])
  assert.equal(statSync(join(dir, 'dist/index.js')).mode & 0o111, 0o111, 'dist/index.js is executable')
})

test('installing the package runs no script, and installs nothing else', async (t) => {
  const json = JSON.parse(readFileSync(join(await packed(t), 'package.json'), 'utf8'))
  assert.deepEqual(Object.keys(json).sort(), [
    'bin',
    'description',
    'engines',
    'exports',
    'files',
    'license',
    'man',
    'name',
    'publishConfig',
    'type',
    'version',
  ])
})

test('the program starts on the oldest supported version of Node', async () => {
  const { stdout } = await run(await oldestNode(), [join(root, 'dist/index.js'), '--version'])
  assert.equal(stdout, `${version}\n`)
})

test('`import` and `require` return the exports of the source, even on the oldest supported version of Node', async (t) => {
  const dir = consumer(t, {
    'a.mjs': `import * as p from '@fomular-os/daemon/protocol'
      import { createRequire } from 'node:module'
      const schema = createRequire(import.meta.url)('@fomular-os/daemon/protocol/schema.json')
      const { ok } = p.parseFromDaemon('{"type":"link:ping"}')
      console.log(JSON.stringify({ names: Object.keys(p), ok, definition: schema.$defs.Hello.type }))`,
    'b.cjs': `const p = require('@fomular-os/daemon/protocol')
      const schema = require('@fomular-os/daemon/protocol/schema.json')
      require('@fomular-os/daemon/protocol/openapi.json').paths['/api/agents'].get.responses
      const { ok } = p.parseFromDaemon('{"type":"link:ping"}')
      console.log(JSON.stringify({ names: Object.keys(p), ok, definition: schema.$defs.Hello.type }))`,
  })
  for (const node of [process.execPath, await oldestNode()])
    for (const file of ['a.mjs', 'b.cjs']) {
      const { names, ...rest } = JSON.parse((await run(node, [join(dir, file)])).stdout)
      assert.deepEqual(names.sort(), Object.keys(protocol).sort())
      assert.deepEqual(rest, { ok: true, definition: 'object' })
    }
})

/** Returns code that compiles only if each declared type equals its source type. */
function sameTypes(): string {
  const types = [
    ...readFileSync(join(root, 'dist/protocol/index.d.mts'), 'utf8').matchAll(/^export type (\w+) =/gm),
  ]
    .map(([, name]) => name!)
    .filter((name) => sourceTypes().has(name))
  assert.ok(types.includes('Event') && types.includes('Command') && types.length > 35, types.join())
  return `import type * as Source from '${join(root, 'src/protocol/index.ts')}'
import type * as Declared from '@fomular-os/daemon/protocol'
${types.map((name) => `export const _${name} = (s: Source.${name}, d: Declared.${name}): [Declared.${name}, Source.${name}] => [s, d]`).join('\n')}
`
}

const sourceTypes = () =>
  new Set(
    readSources().flatMap((text) =>
      [...text.matchAll(/^export (?:type|interface) (\w+) =/gm)].map(([, name]) => name!),
    ),
  )

const readSources = () =>
  ['commands', 'content', 'errors', 'events', 'hub-api', 'hub-objects', 'messages', 'spec', 'status'].map(
    (name) => readFileSync(join(root, `src/protocol/${name}.ts`), 'utf8'),
  )

test('the type declarations do not need other packages, and match the source', async (t) => {
  const dir = consumer(t, {
    'package.json': '{"type":"module"}',
    'use.ts': `import { Commands, type AgentStartInput, parseFromDaemon, CloseCode } from '@fomular-os/daemon/protocol'
      const parsed = parseFromDaemon('')
      if (parsed.ok && parsed.message.type === 'machine:hello') parsed.message.agents[0]?.pending[0]?.ask satisfies string | undefined
      const start: AgentStartInput = { type: 'agent:start', command_id: 'c', agent_id: 'a', spec: { cwd: '/' } }
      export const fork: boolean | undefined = Commands['agent:start'].parse(start).spec.session?.fork
      export const code: 4001 = CloseCode.superseded
      // @ts-expect-error: not one of the states
      if (parsed.ok && parsed.message.type === 'agent:status') parsed.message.state = 'sleeping'
`,
    'use.cts': `import protocol = require('@fomular-os/daemon/protocol')
      export const type: 'agent:ack' = protocol.Ack.parse({}).type
`,
  })
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', '']
  const compile = (files: string[], rest: string[] = []) =>
    run(bin('tsc'), [...options, ...rest, ...files], { cwd: dir })
  await compile(['use.ts', 'use.cts'], ['--exactOptionalPropertyTypes'])
  // The source needs the types of zod.
  writeFileSync(join(dir, 'same.ts'), sameTypes())
  await compile(['same.ts'], ['--allowImportingTsExtensions', '--skipLibCheck'])
})
