// Needs: root, mount, busybox, curl, minisign, openssl, wget
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { signer } from '../../packaging/signature.ts'
import { type Box, box, gz, TOOLS, versionOf, whereIs } from '../support/installer.ts'
import { ReleaseServer } from '../support/release-server.ts'

const damage = (path: string) =>
  writeFileSync(
    path,
    readFileSync(path).map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
  )

const makeKey = () =>
  signer(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())

/** A fault. Its setup function can return arguments for `run`. */
type Fault = [name: string, error: RegExp, (server: ReleaseServer, box: Box) => unknown, tools?: string[]]

/** Returns a command that runs with another file system mounted at the prefix. */
const mounted = ({ home }: Box, options: string): string[] => [
  whereIs('unshare'),
  '--mount',
  whereIs('sh'),
  '-c',
  `${whereIs('mount')} -t tmpfs -o ${options} tmpfs '${home}' && exec "$0" "$@"`,
]

const FAULTS: Fault[] = [
  ['a file that was modified', /does not match the manifest: its sha256 is/, (server) => damage(gz(server))],
  [
    'a file that is too short',
    /cannot be written; the disk may be full/,
    (server) => writeFileSync(gz(server), 'short'),
  ],
  ['no release', /There is no release at http/, (server) => server.fail({ missing: /latest/ })],
  ['an unknown version', /There is no version 9\.9\.9/, () => [['--version', '9.9.9']]],
  ['a missing file', /is incomplete: there is no/, (server) => rmSync(gz(server))],
  [
    'an HTML page instead of the version',
    /names no version/,
    (server) => writeFileSync(join(server.dir, 'latest'), '<html>'),
  ],
  [
    'a manifest for another version',
    /cannot read the manifest of version 1\.0\.0 at /,
    (server) => {
      const path = join(server.dir, '1.0.0/manifest.json')
      writeFileSync(path, readFileSync(path, 'utf8').replace('"version":"1.0.0"', '"version":"0.9.0"'))
    },
  ],
  ['no server', /cannot be downloaded \(curl: 7\)/, () => [['--base-url', 'http://127.0.0.1:1']]],
  [
    'a connection that always breaks',
    /cannot be downloaded/,
    (server) => server.fail({ cut: { path: /latest/, bytes: 0 } }),
  ],
  ['no curl and no wget', /neither curl nor wget/, () => {}, TOOLS],
  [
    'no program for hashing',
    /no program to check a sha256 with/,
    () => {},
    [...TOOLS.filter((tool) => !/sum|openssl/.test(tool)), 'curl'],
  ],
  [
    'a full disk',
    /Not enough disk space|the disk may be full/,
    (_, machine) => [[], { wrap: mounted(machine, 'size=4k,nr_inodes=20') }],
  ],
  ['a read-only disk', /cannot be created/, (_, machine) => [[], { wrap: mounted(machine, 'ro') }]],
  ['a noexec disk', /disk is mounted noexec/, (_, machine) => [[], { wrap: mounted(machine, 'noexec') }]],
  [
    'a foreign file in place of the program',
    /exists and is not from this installer/,
    (_, machine) => {
      mkdirSync(join(machine.prefix, 'bin'), { recursive: true })
      writeFileSync(join(machine.prefix, 'bin/fomular-daemon'), '')
    },
  ],
  ['an unknown flag', /Unknown flag --versoin/, () => [['--versoin', '1']]],
  ['a flag without its value', /--version needs a value/, () => [['--version']]],
  ['a version that is a path', /is not a version/, () => [['--version', '../../x']]],
  ['a server without a key', /--server-url needs --key-file/, () => [['--server-url', 'wss://x']]],
  ['a key without a server', /needs --server-url/, () => [['--key-file', '/etc/hostname']]],
  ['a missing token file', /cannot be read/, () => [['--token-file', '/nothing', '--server-url', 'wss://x']]],
]

test('a failed installation reports the failure and a remedy, and leaves nothing behind', async (t) => {
  for (const [name, error, arrange, tools] of FAULTS)
    await t.test(`the installation fails with ${name}`, async (t) => {
      const server = await ReleaseServer.open(t)
      await server.release('1.0.0')
      const machine = box(t, server, tools)
      const given = arrange(server, machine)
      const how = (Array.isArray(given) ? given : []) as Parameters<Box['run']>
      const before = machine.files()
      const { code, out, err } = await machine.run(...how)
      assert.match(err, error, `${out}${err}`)
      assert.match(err, /^error: .*\n {2}→ .*/m)
      assert.ok(code === 1 || code === 2, `exit code ${code}`)
      assert.deepEqual(machine.files(), before)
      assert.deepEqual(
        readdirSync(join(machine.home, '..')).sort(),
        ['bin', 'home'],
        'nothing in the temporary folder',
      )
    })
})

test('curl, wget, and busybox wget give up on an endless download', async (t) => {
  const key = makeKey()
  const signed = ['--public-key', key.publicKey]
  for (const [path, given] of [
    ['latest', []],
    ['manifest.json', []],
    ['manifest.json.minisig', signed],
    ['keys-1.txt', signed],
    ['fomular-daemon-linux-x64.gz', []],
  ] as const)
    for (const tools of [['curl'], ['wget'], ['busybox']]) {
      const server = await ReleaseServer.open(t)
      // The installer fetches keys-1.txt only if it does not know the key of the release.
      await server.release('1.0.0', path === 'keys-1.txt' ? makeKey() : key)
      writeFileSync(join(server.dir, '1.0.0/keys-1.txt'), 'fomular-daemon release keys\n')
      server.fail({ endless: new RegExp(`${path}$`) })
      const machine = box(t, server, [...TOOLS, ...tools])
      if (tools[0] === 'busybox') symlinkSync('busybox', join(machine.bin, 'wget'))
      const { code, err } = await machine.run([...given])
      assert.match(err, new RegExp(`${path} is longer than \\d+ bytes`), `${path} by ${tools}`)
      assert.equal(code, 1)
      assert.deepEqual(machine.files(), [])
    }
})

test('curl, wget, and busybox wget resume a broken download', async (t) => {
  for (const tools of [['curl'], ['wget'], ['busybox']])
    for (const withoutRanges of [false, true]) {
      const server = await ReleaseServer.open(t)
      await server.release('1.0.0')
      // The server ends each response after a third of the file. With range requests, three attempts get the
      // whole file. Without range requests, each attempt gets the first third, so the installation fails.
      const bytes = Math.ceil(statSync(gz(server)).size / 3)
      server.fail({ cut: { path: /gz$/, bytes }, withoutRanges })
      const machine = box(t, server, [...TOOLS, ...tools])
      if (tools[0] === 'busybox') symlinkSync('busybox', join(machine.bin, 'wget'))
      const running = machine.run()
      if (withoutRanges) {
        const { code, err } = await running
        assert.equal(code, 1)
        assert.match(err, /cannot be downloaded|does not match the manifest|cannot be written/)
        assert.deepEqual(machine.files(), [])
        continue
      }
      const { code, err } = await running
      assert.equal(code, 0, `${tools}: ${err}`)
      assert.equal(await versionOf(machine), '1.0.0')
      assert.ok(
        server.requests.some((request) => request.endsWith(`from ${2 * bytes}`)),
        server.requests.join(),
      )
    }
})

test('if the release key is known, the release must be signed with that key', async (t) => {
  const [key, other] = [makeKey(), makeKey()]
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0', key)
  await server.release('1.1.0')
  const plain = [...TOOLS, 'curl']
  const withoutOpenssl = plain.filter((tool) => tool !== 'openssl')
  const cases: [string[], string[], RegExp | undefined][] = [
    [plain, ['--version=1.0.0', '--public-key', key.publicKey], undefined],
    [plain, ['--version=1.0.0', '--public-key', other.publicKey], /not signed with the release key/],
    [plain, ['--version=1.1.0', '--public-key', key.publicKey], /is not signed/],
    [[...withoutOpenssl, 'minisign'], ['--version=1.0.0', '--public-key', key.publicKey], undefined],
    [
      [...withoutOpenssl, 'minisign'],
      ['--version=1.0.0', '--public-key', other.publicKey],
      /not signed with the release key/,
    ],
    [withoutOpenssl, ['--version=1.0.0', '--public-key', key.publicKey], /Install minisign or OpenSSL 3/],
    [withoutOpenssl, ['--version=1.0.0', '--public-key', key.publicKey, '--skip-signature'], undefined],
  ]
  for (const [tools, args, error] of cases) {
    const machine = box(t, server, tools)
    const { code, err } = await machine.run(args)
    assert.equal(code, error ? 1 : 0, `${args}: ${err}`)
    if (error) {
      assert.match(err, error)
      assert.deepEqual(machine.files(), [])
    } else assert.equal(await versionOf(machine), '1.0.0')
  }
  writeFileSync(
    join(server.dir, '1.0.0/manifest.json'),
    readFileSync(join(server.dir, '1.0.0/manifest.json'), 'utf8').replace(
      '"commit":"test"',
      '"commit":"else"',
    ),
  )
  for (const tools of [plain, [...withoutOpenssl, 'minisign']])
    assert.match(
      (await box(t, server, tools).run(['--version=1.0.0', '--public-key', key.publicKey])).err,
      /not signed with the release key/,
    )
})
