// Needs: root
import assert from 'node:assert/strict'
import { createHash, createSign, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { x } from 'tar'
import { addKeyList, keyLists, releaseKeys } from '../../packaging/keys.ts'
import { packProgram } from '../../packaging/npm-packages.ts'
import { UpdateFailure } from '../../src/update/failure.ts'
import { checkManifest, MANIFEST, SIGNATURE } from '../../src/update/fetch/manifest.ts'
import { keyList, keyListText } from '../../src/update/fetch/release-keys.ts'
import { confirm } from '../../src/update/switch/confirmed.ts'
import { EARLIER, earlierRelease } from '../support/earlier-release.ts'
import { LightServer } from '../support/light-server.ts'
import {
  type Files,
  PackageServer,
  PlainInstallation,
  packageFiles,
  releaseFiles,
  releaseKey,
  signed,
} from '../support/package-server.ts'
import { built, PACKAGE } from '../support/registry.ts'
import { Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'

const key = releaseKey()

const other = releaseKey()

const KEYED = { keys: [key.publicKey] }

/** Returns a package that creates a file if any part of it runs. */
const evil = async (version: string, mark: string): Promise<Files> => ({
  ...(await packageFiles(
    version,
    `#!/usr/bin/env node
require('node:fs').writeFileSync(${JSON.stringify(mark)}, '')
if (process.argv[2] === '--version') console.log(${JSON.stringify(version)})
else console.log(JSON.stringify({ ok: true, version: ${JSON.stringify(version)}, node: process.versions.node,
  protocol: { version: 1, minimum: 1 }, problems: [] }))
`,
  )),
  'package.json': JSON.stringify({
    name: PACKAGE,
    version,
    scripts: Object.fromEntries(
      ['preinstall', 'install', 'postinstall', 'prepare', 'prepack', 'postpack', 'prepublish'].map(
        (script) => [script, `touch ${mark}`],
      ),
    ),
  }),
})

test('a package without a signature of the release key never runs, no matter how the registry answers', async (t) => {
  const registry = await PackageServer.open(t)
  const machine = await PlainInstallation.ofRelease(t, KEYED, {
    FOMULAR_UPDATE_REGISTRY: registry.url,
  })
  const mark = join(tempDir(t), 'ran')
  const files = await evil('9.9.9', mark)
  // Add a signature in the form of npm's registry.
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const sig = createSign('SHA256').update('whatever').sign(privateKey, 'base64')
  const spoilt = signed(files, { version: '9.9.9', key })
  const cases: [name: string, files: Files, message: RegExp][] = [
    ['unsigned', files, /has no manifest\.json/],
    ['by a stranger', signed(files, { version: '9.9.9', key: other }), /not signed with a release key/],
    ['without its signature', { ...spoilt, [SIGNATURE]: '' }, /not signed/],
    ['changed', { ...spoilt, 'dist/index.js': `${files['dist/index.js']}//` }, /does not match the manifest/],
    ['with an extra file', { ...spoilt, 'dist/more.js': '' }, /not in its manifest: dist\/more\.js/],
    [
      'of another version',
      signed(files, { version: '9.9.8', key }),
      /was signed as @fomular-os\/daemon@9\.9\.8/,
    ],
    [
      'another package',
      signed(files, { version: '9.9.9', key, name: '@a/b' }),
      /was signed as @a\/b@9\.9\.9/,
    ],
  ]
  for (const npm of [true, false])
    for (const [name, files, message] of cases) {
      await registry.publish({ version: '9.9.9', files, dist: { signatures: [{ keyid: 'mine', sig }] } })
      const { error } = await machine.update('latest', [], npm ? { PATH: process.env.PATH! } : {})
      assert.equal(error?.code, 'update_integrity', `${name}: ${JSON.stringify(error)}`)
      assert.match(error?.message ?? '', message, name)
      assert.ok(error?.remedy)
      assert.ok(!existsSync(mark), `${name}: it ran`)
      if (npm) break
    }
  assert.equal(await machine.version(), '1.0.0')
  await registry.publish({
    version: '9.9.9',
    files: signed(await packageFiles('9.9.9'), { version: '9.9.9', key }),
  })
  assert.equal((await machine.update()).to_version, '9.9.9')
  assert.equal(await machine.version(), '9.9.9')
})

/** Checks files as if they were the content of a package. */
const check = (files: Files, known = [key.publicKey], version = '1.0.0') =>
  checkManifest(
    {
      files: new Map(
        Object.entries(files).map(([path, content]) => [
          path,
          {
            size: Buffer.byteLength(content),
            sha256: createHash('sha256').update(content).digest('hex'),
          },
        ]),
      ),
      read: (path) => (Object.hasOwn(files, path) ? Buffer.from(files[path]!) : undefined),
    },
    { name: PACKAGE, version },
    known,
  )

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof UpdateFailure && error.error.code === 'update_integrity' && message.test(error.message)

test('a manifest must list exactly the files of its package', () => {
  const files: Files = { 'package.json': '{}', 'dist/index.js': 'program' }
  const date = '2026-01-02T03:04:05.000Z'
  const whole = signed(files, { version: '1.0.0', key, date })
  assert.deepEqual(check(whole), { date })
  const { 'dist/index.js': _, ...less } = whole
  assert.throws(() => check(less), refused(/lacks a file that is in its manifest: dist\/index\.js/))
  const text = String(whole[MANIFEST])
  assert.throws(
    () => check({ ...whole, [MANIFEST]: text.replace(date, '2030-01-01T00:00:00.000Z') }),
    refused(/not signed/),
  )
  for (const wrong of ['[]', '{"schema":1}', 'no JSON', text.replace('"schema":1', '"schema":2')])
    assert.throws(
      () => check({ ...whole, [MANIFEST]: wrong, [SIGNATURE]: key.signature(Buffer.from(wrong), '') }),
      refused(/is invalid/),
    )
  assert.throws(() => check(whole, []), refused(/not signed/))
})

test('signed lists replace a key with new keys, even if a machine has missed several changes of keys', () => {
  const [second, third, stranger] = [releaseKey(), releaseKey(), releaseKey()]
  const list = (number: number, by: typeof key, ...keys: (typeof key)[]): Files => {
    const text = keyListText(keys.map(({ publicKey }) => publicKey))
    return { [keyList(number)]: text, [`${keyList(number)}.minisig`]: by.signature(Buffer.from(text), '') }
  }
  const files = { 'package.json': '{}' }
  const lists = { ...list(1, key, second), ...list(2, second, third) }
  const by = (signer: typeof key, more: Files = lists) =>
    signed({ ...files, ...more }, { version: '1.0.0', key: signer })
  for (const known of [key, second, third]) check(by(third), [known.publicKey])
  // A key that was replaced is no longer valid.
  for (const gone of [key, second])
    assert.throws(() => check(by(gone), [key.publicKey]), refused(/not signed/))
  assert.throws(() => check(by(key), [third.publicKey]), refused(/not signed/))
  for (const forged of [
    list(1, stranger, stranger),
    { ...list(1, key, second), ...list(2, key, stranger) },
    { ...list(1, key, second), ...list(2, stranger, stranger) },
    {
      [keyList(1)]: `${stranger.publicKey}\n`,
      [`${keyList(1)}.minisig`]: key.signature(Buffer.from(`${stranger.publicKey}\n`), ''),
    },
  ])
    assert.throws(() => check(by(stranger, forged), [key.publicKey]), refused(/not signed/))
})

test('only the holder of the current key can replace it with the next key', (t) => {
  const dir = join(tempDir(t), 'keys')
  const [second, third] = [releaseKey(), releaseKey()]
  assert.deepEqual(releaseKeys(key, dir), [key.publicKey])
  addKeyList(key, [key.pem, second.pem], dir)
  assert.throws(() => addKeyList(third, [third.pem], dir), /does not name the key/)
  addKeyList(second, [third.pem], dir)
  assert.deepEqual(releaseKeys(third, dir), [third.publicKey])
  assert.throws(() => releaseKeys(key, dir), /does not name the key/)
  const lists = Object.fromEntries(keyLists(dir).map(({ name, text }) => [name, text]))
  for (const known of [key, second, third])
    check(signed({ 'package.json': '{}', ...lists }, { version: '1.0.0', key: third }), [known.publicKey])
})

test('a machine accepts the package of a release that was published with npm', async (t) => {
  const dir = tempDir(t)
  await x({ file: join(dir, await packProgram(dir, key)), cwd: dir })
  const json = JSON.parse(readFileSync(join(dir, 'package/package.json'), 'utf8'))
  const manifest = JSON.parse(readFileSync(join(dir, 'package', MANIFEST), 'utf8'))
  const paths: string[] = manifest.files.map(({ name }: { name: string }) => name)
  const files = [...paths, MANIFEST, SIGNATURE].map((path) => [
    path,
    readFileSync(join(dir, 'package', path)),
  ])
  check(Object.fromEntries(files), [key.publicKey], json.version)
  assert.ok(paths.includes('package.json') && paths.includes('dist/index.js'))
})

test('an unsigned release is accepted only if its program has run on this machine', async (t) => {
  const registry = await PackageServer.open(t)
  const machine = await PlainInstallation.ofRelease(t, KEYED, {
    FOMULAR_UPDATE_REGISTRY: registry.url,
  })
  // The program of an unsigned release is a single file.
  const earlier = await packageFiles('0.9.0', await built('0.9.0'))
  const program = join(tempDir(t), 'earlier.js')
  writeFileSync(program, earlier['dist/index.js']!)
  await confirm(machine.state, {
    version: '0.9.0',
    at: '2026-01-01T00:00:00.000Z',
    program,
    welcomed: true,
  })
  await registry.publish({
    version: '0.9.0',
    files: { ...earlier, 'dist/index.js': `${earlier['dist/index.js']}\n` },
  })
  const back = () => machine.update('0.9.0', ['--allow-downgrade'])
  assert.equal((await back()).error?.code, 'update_integrity')
  const mark = join(tempDir(t), 'ran')
  const spoil = `require('node:fs').writeFileSync(${JSON.stringify(mark)}, '')`
  // Add files that an older program would load from the folders around it, and scripts that npm would run.
  await registry.publish({
    version: '0.9.0',
    files: {
      ...earlier,
      'package.json': JSON.stringify({
        name: PACKAGE,
        version: '0.9.0',
        scripts: { install: `touch ${mark}` },
      }),
      'dist/package.json': '{ "type": "module" }',
      'node_modules/supports-color/index.js': spoil,
      'dist/node_modules/supports-color/index.js': spoil,
    },
  })
  assert.equal((await back()).to_version, '0.9.0')
  assert.equal(await machine.version(), '0.9.0')
  const files = readdirSync(machine.packageDir, { recursive: true }).map(String)
  assert.deepEqual(
    files.filter((path) => path.includes('supports-color')),
    [],
  )
  const json = (path: string) => JSON.parse(readFileSync(join(machine.packageDir, path), 'utf8'))
  assert.deepEqual(json('package.json'), {
    name: PACKAGE,
    version: '0.9.0',
    bin: { 'fomular-daemon': 'dist/index.js' },
  })
  assert.deepEqual(json('dist/package.json'), { type: 'commonjs' })
  assert.ok(!existsSync(mark))
})

test('a program loads nothing from the folders around it', async (t) => {
  const machine = await PlainInstallation.ofRelease(t, KEYED)
  const mark = join(tempDir(t), 'ran')
  const spoil = `require('node:fs').appendFileSync(${JSON.stringify(mark)}, __filename)`
  for (const name of ['supports-color', 'bufferutil', 'utf-8-validate', 'pino-pretty']) {
    mkdirSync(join(machine.packageDir, 'node_modules', name), { recursive: true })
    writeFileSync(join(machine.packageDir, 'node_modules', name, 'index.js'), spoil)
  }
  const { error } = await machine.update('latest', [], {
    FOMULAR_UPDATE_REGISTRY: 'http://192.0.2.1',
    FOMULAR_UPDATE_ALLOW_INSECURE: 'true',
    http_proxy: 'http://127.0.0.1:9',
  })
  assert.equal(error?.code, 'update_registry_unreachable')
  assert.ok(!existsSync(mark))
})

test('the previous release can update to a signed release, and an order can undo this update', async (t) => {
  const registry = await PackageServer.open(t)
  const earlier = await packageFiles(EARLIER, await earlierRelease())
  const later = await releaseFiles({ version: '1.1.0', keys: [key.publicKey] })
  await registry.publish({ version: '1.1.0', files: signed(later, { version: '1.1.0', key }) })
  const machine = new PlainInstallation(t, earlier)
  const stage = await Stage.open(t, { FOMULAR_UPDATE_REGISTRY: registry.url, PATH: machine.env.PATH! })
  const server = await LightServer.open(t)
  stage.run(['run', '--server-url', server.url, '--key', 'the-key'], {}, [process.execPath, machine.command])
  const runs = async (count: number, version: string) => {
    const caller = await server.caller(count)
    assert.equal((await caller.welcome()).daemon_version, version)
    return caller
  }
  const first = await runs(1, EARLIER)
  first.send({ type: 'daemon:update', command_id: 'u-1', version: '1.1.0' })
  const second = await runs(2, '1.1.0')
  await second.received('daemon:update:result')
  const order = { type: 'daemon:update', version: EARLIER, allow_downgrade: true }
  const changed = { ...earlier, 'dist/index.js': `${earlier['dist/index.js']}\n` }
  await registry.publish({ version: EARLIER, files: changed })
  second.send({ ...order, command_id: 'u-2' })
  const refusal = (await second.received('daemon:update:result', 2)).error as { code?: string } | undefined
  assert.equal(refusal?.code, 'update_integrity')
  await registry.publish({ version: EARLIER, files: earlier })
  second.send({ ...order, command_id: 'u-3' })
  await runs(3, EARLIER)
})
