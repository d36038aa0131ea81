// Needs: root, mount, busybox, curl, fish, ksh93, minisign, openssl, script, shellcheck, wget, zsh
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { signer } from '../../packaging/signature.ts'
import { ReleaseServer } from '../support/release-server.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'

const INSTALLER = fileURLToPath(new URL('../../installer/install.sh', import.meta.url))
const script = readFileSync(INSTALLER, 'utf8')
const NODE = process.execPath

const SHELLS: [string, ...string[]][] = [
  ['dash'],
  ['bash', '--posix'],
  ['busybox', 'sh'],
  ['ksh93'],
  ['zsh', '--emulate', 'sh'],
]
/** What it may need of a system, beside a shell. */
const TOOLS = [
  'awk',
  'cat',
  'chmod',
  'cp',
  'date',
  'df',
  'getconf',
  'grep',
  'gzip',
  'head',
  'id',
  'ldd',
  'ln',
  'mkdir',
  'mktemp',
  'mv',
  'readlink',
  'rm',
  'rmdir',
  'sed',
  'sha256sum',
  'tail',
  'tar',
  'tr',
  'uname',
  'wc',
  'openssl',
  'env',
  'setsid',
]

interface Box {
  home: string
  prefix: string
  /** Programs that are found there; nothing else is. */
  bin: string
  env: Record<string, string>
  /** Runs the installer, as a pipe into a shell would. */
  run(
    args?: string[],
    options?: { shell?: string[]; env?: Record<string, string>; wrap?: string[]; input?: string },
  ): Promise<Ran>
  /** Everything in HOME. */
  files(): string[]
}

interface Ran {
  code: number | undefined
  out: string
  err: string
}

/** A user's home with nothing in it, and a PATH of its own. */
function box(t: Cleanup, server?: ReleaseServer, tools = [...TOOLS, 'curl']): Box {
  const dir = tempDir(t)
  const home = join(dir, 'home')
  const bin = join(dir, 'bin')
  for (const path of [home, bin]) mkdirSync(path)
  for (const tool of tools) symlinkSync(whereIs(tool), join(bin, tool))
  // Between tries, it would wait.
  symlinkSync(whereIs('true'), join(bin, 'sleep'))
  const env = { PATH: bin, HOME: home, TMPDIR: dir, ...(server && { FOMULAR_INSTALL_BASE_URL: server.url }) }
  const prefix = join(home, '.fomular')
  return {
    home,
    prefix,
    bin,
    env,
    async run(args = [], { shell = ['dash'], env: more = {}, wrap = [], input = script } = {}) {
      const [file = '', ...before] = [...wrap, whereIs(shell[0]!), ...shell.slice(1)]
      const { exitCode, stdout, stderr } = await execa(
        file,
        [...before, '-s', '--', '--prefix', prefix, ...args],
        {
          input,
          env: { ...env, ...more },
          extendEnv: false,
          reject: false,
          timeout: 120_000,
        },
      )
      return { code: exitCode, out: stdout, err: stderr }
    },
    files: () =>
      (readdirSync(home, { recursive: true }) as string[])
        .filter((path) => !path.includes('/current/'))
        .sort(),
  }
}

function whereIs(program: string): string {
  const dirs = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  const found = dirs.map((dir) => join(dir, program)).find((path) => existsSync(path))
  if (found === undefined)
    throw new Error(`${program} is not installed; .ci/run says which packages these tests need`)
  return found
}

const FURNISHED = {
  '.local/share/bash-completion/completions/fomular-daemon': 'completion bash',
  '.local/share/fish/vendor_completions.d/fomular-daemon.fish': 'completion fish',
  '.fomular/share/man/man1/fomular-daemon.1': 'man-page',
  '.local/share/zsh/site-functions/_fomular-daemon': 'completion zsh',
}

const INSTALLED = [
  '.fomular',
  '.fomular/.installed',
  '.fomular/bin',
  '.fomular/bin/fomular-daemon',
  '.fomular/current',
  '.fomular/share',
  '.fomular/share/man',
  '.fomular/share/man/man1',
  '.fomular/share/man/man1/fomular-daemon.1',
  '.fomular/versions',
  '.fomular/versions/1.0.0',
  '.fomular/versions/1.0.0/bin',
  '.fomular/versions/1.0.0/bin/fomular-daemon',
  '.fomular/versions/1.0.0/package.json',
]

async function versionOf({ prefix, env }: Box) {
  return (await execa(join(prefix, 'bin/fomular-daemon'), ['--version'], { env, extendEnv: false })).stdout
}

test('shellcheck finds nothing', async () => {
  const { stdout } = await execa('shellcheck', ['--shell=sh', '--severity=style', INSTALLER], {
    reject: false,
  })
  assert.equal(stdout, '')
})

for (const shell of SHELLS)
  test(`installs, does nothing twice, upgrades, and goes without a trace: ${shell.join(' ')}`, async (t) => {
    const server = await ReleaseServer.open(t)
    await server.release('1.0.0')
    const machine = box(t, server)
    const dry = await machine.run(['--dry-run'], { shell })
    assert.equal(dry.code, 0, dry.err)
    assert.match(dry.out, /Would download .*\/1\.0\.0\/fomular-daemon-linux-\w+\.gz/)
    assert.deepEqual(machine.files(), [])

    const first = await machine.run([], { shell })
    assert.equal(first.code, 0, first.err)
    assert.deepEqual(
      machine.files().filter((path) => path.startsWith('.fomular')),
      INSTALLED,
    )
    const furnished = (version: string) => {
      for (const [path, what] of Object.entries(FURNISHED))
        assert.equal(readFileSync(join(machine.home, path), 'utf8'), `${what} of ${version}\n`)
    }
    furnished('1.0.0')
    assert.equal(await versionOf(machine), '1.0.0')
    assert.equal(readlinkSync(join(machine.prefix, 'current')), 'versions/1.0.0')
    assert.equal(readlinkSync(join(machine.prefix, 'bin/fomular-daemon')), '../current/bin/fomular-daemon')
    assert.match(first.out, /export PATH="[^"]*\.fomular\/bin:\$PATH"/)

    const before = server.requests.length
    const second = await machine.run([], { shell, env: { PATH: `${machine.prefix}/bin:${machine.bin}` } })
    assert.deepEqual(
      [second.code, second.out],
      [0, `fomular-daemon 1.0.0 is installed already, in ${machine.prefix}.`],
    )
    assert.deepEqual(server.requests.slice(before), ['/latest', '/1.0.0/manifest.json'])

    for (const version of ['1.1.0', '1.2.0-rc.1', '1.2.0']) {
      await server.release(version)
      assert.equal((await machine.run([], { shell })).code, 0)
      assert.equal(await versionOf(machine), version)
      furnished(version)
    }
    assert.deepEqual(readdirSync(join(machine.prefix, 'versions')).sort(), ['1.2.0', '1.2.0-rc.1'])
    assert.equal((await machine.run(['--version=1.0.0'], { shell })).code, 0)
    assert.equal(await versionOf(machine), '1.0.0')

    writeFileSync(join(machine.prefix, 'mine'), '')
    assert.equal((await machine.run(['--uninstall', '--dry-run'], { shell })).code, 0)
    assert.equal(await versionOf(machine), '1.0.0')
    assert.equal((await machine.run(['--uninstall'], { shell })).code, 0)
    // What the program was told is beside it.
    assert.deepEqual(machine.files(), ['.fomular', '.fomular/mine', 'calls', 'leaked'])
  })

test('a completion that somebody wrote is left alone', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  const own = join(machine.home, '.local/share/fish/vendor_completions.d/fomular-daemon.fish')
  mkdirSync(dirname(own), { recursive: true })
  writeFileSync(own, 'mine')
  assert.equal((await machine.run()).code, 0)
  assert.equal((await machine.run(['--uninstall'])).code, 0)
  assert.equal(readFileSync(own, 'utf8'), 'mine')
  assert.deepEqual(
    machine.files().filter((path) => path.startsWith('.fomular')),
    [],
  )
})

test('a script that arrives in part does nothing, wherever it ends', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  const lines = script.split('\n').length - 1
  // Each length of the last line, too.
  const cuts = `
    part() { dash -s -- --prefix "$HOME/.fomular" && echo "$1 succeeds"; }
    # Of the line that lets it fail, there is nothing before the fourth.
    count=4
    while [ $count -lt ${lines} ]; do head -n $count "$0" | part $count; count=$((count + 1)); done
    for left in ${[...script.trimEnd().split('\n').at(-1)!].map((_, index) => index + 2).join(' ')}; do
      head -c -$left "$0" | part -$left
    done`
  const env = { ...machine.env, PATH: `${machine.bin}:/usr/bin:/bin` }
  const ran = await execa('sh', ['-c', cuts, INSTALLER], { env, extendEnv: false, reject: false })
  assert.equal(ran.stdout, '')
  assert.deepEqual(server.requests, [])
  const whole = await execa('sh', ['-c', 'dash -s -- --dry-run < "$0"', INSTALLER], { env, extendEnv: false })
  assert.match(whole.stdout, /Would download/)
  assert.deepEqual(machine.files(), [])
})

const damage = (path: string) =>
  writeFileSync(
    path,
    readFileSync(path).map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
  )
const gz = (server: ReleaseServer) =>
  join(server.dir, '1.0.0', `fomular-daemon-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}.gz`)

/** What is arranged may give the arguments of `run`. */
type Fault = [name: string, error: RegExp, (server: ReleaseServer, box: Box) => unknown, tools?: string[]]

/** Runs in a namespace with another file system at the prefix's place. */
const mounted = ({ home }: Box, options: string): string[] => [
  whereIs('unshare'),
  '--mount',
  whereIs('sh'),
  '-c',
  `${whereIs('mount')} -t tmpfs -o ${options} tmpfs '${home}' && exec "$0" "$@"`,
]

const FAULTS: Fault[] = [
  ['a file that was changed', /is not what the manifest says: its sha256 is/, (server) => damage(gz(server))],
  [
    'a file that is shorter',
    /cannot be written: is the disk full\?/,
    (server) => writeFileSync(gz(server), 'short'),
  ],
  ['no release at all', /There is no release at http/, (server) => server.fail({ missing: /latest/ })],
  ['no such version', /There is no version 9\.9\.9/, () => [['--version', '9.9.9']]],
  ['a file that is missing', /is incomplete: there is no/, (server) => rmSync(gz(server))],
  [
    'a page in place of the version',
    /names no version/,
    (server) => writeFileSync(join(server.dir, 'latest'), '<html>'),
  ],
  [
    'a manifest of another version',
    /is not one of version 1\.0\.0/,
    (server) => {
      const path = join(server.dir, '1.0.0/manifest.json')
      writeFileSync(path, readFileSync(path, 'utf8').replace('"version":"1.0.0"', '"version":"0.9.0"'))
    },
  ],
  ['no server', /cannot be downloaded \(curl: 7\)/, () => [['--base-url', 'http://127.0.0.1:1']]],
  [
    'a connection that never lasts',
    /cannot be downloaded/,
    (server) => server.fail({ cut: { path: /latest/, bytes: 0 } }),
  ],
  ['neither curl nor wget', /Neither curl nor wget/, () => {}, TOOLS],
  [
    'nothing to hash with',
    /nothing here to check a sha256 with/,
    () => {},
    [...TOOLS.filter((tool) => !/sum|openssl/.test(tool)), 'curl'],
  ],
  [
    'a full disk',
    /too little room|is the disk full/,
    (_, machine) => [[], { wrap: mounted(machine, 'size=4k,nr_inodes=20') }],
  ],
  ['a disk that cannot be written', /cannot be made/, (_, machine) => [[], { wrap: mounted(machine, 'ro') }]],
  [
    'a disk that programs do not run from',
    /Is the disk mounted noexec/,
    (_, machine) => [[], { wrap: mounted(machine, 'noexec') }],
  ],
  [
    'a file where the program belongs',
    /is there, and not from here/,
    (_, machine) => {
      mkdirSync(join(machine.prefix, 'bin'), { recursive: true })
      writeFileSync(join(machine.prefix, 'bin/fomular-daemon'), '')
    },
  ],
  ['a flag that does not exist', /There is no flag --versoin/, () => [['--versoin', '1']]],
  ['a flag without its value', /--version needs a value/, () => [['--version']]],
  ['a version that is a path', /is no version/, () => [['--version', '../../x']]],
  ['a server without a key', /--server-url needs --key-file/, () => [['--server-url', 'wss://x']]],
  ['a key without a server', /needs --server-url/, () => [['--key-file', '/etc/hostname']]],
  [
    'a token file that is not there',
    /cannot be read/,
    () => [['--token-file', '/nothing', '--server-url', 'wss://x']],
  ],
]

test('what goes wrong is said, with what to do, and leaves nothing behind', async (t) => {
  for (const [name, error, arrange, tools] of FAULTS)
    await t.test(name, async (t) => {
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

test('a download that is broken off goes on where it ended, by curl and by either wget', async (t) => {
  for (const tools of [['curl'], ['wget'], ['busybox']])
    for (const withoutRanges of [false, true]) {
      const server = await ReleaseServer.open(t)
      await server.release('1.0.0')
      // Each try gets a piece. Without ranges there is no end to that, so only the first is cut.
      const bytes = Math.ceil(statSync(gz(server)).size / 3)
      server.fail({ cut: { path: /gz$/, bytes }, withoutRanges })
      const machine = box(t, server, [...TOOLS, ...tools])
      if (tools[0] === 'busybox') symlinkSync('busybox', join(machine.bin, 'wget'))
      const running = machine.run()
      if (withoutRanges) {
        const { code, err } = await running
        assert.equal(code, 1)
        assert.match(err, /cannot be downloaded|is not what the manifest says|cannot be written/)
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

test('the line for PATH is read by new shells of that kind, in a window and after a login', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  for (const [shell, starts, files] of [
    ['bash', [['bash'], ['bash', '-l']], []],
    // The first of these is all that a login reads.
    ['bash', [['bash'], ['bash', '-l']], ['.bash_login', '.profile']],
    ['bash', [['bash'], ['bash', '-l']], ['.bash_profile', '.bash_login']],
    ['zsh', [['zsh'], ['zsh', '-l']], []],
    ['fish', [['fish'], ['fish', '-l']], []],
    ['ksh93', [['ksh93'], ['ksh93', '-l']], []],
    ['dash', [['dash', '-l']], []],
  ] as [string, string[][], string[]][]) {
    const machine = box(t, server)
    for (const file of files) writeFileSync(join(machine.home, file), '')
    const env = { HOME: machine.home, PATH: '/usr/bin:/bin', SHELL: `/usr/bin/${shell}`, TERM: 'dumb' }
    const { out } = await machine.run([], { env: { SHELL: env.SHELL } })
    const line = /^ {2}(.*PATH.*|fish_add_path.*)$/m.exec(out)?.[1] ?? out
    const here = await execa(shell, ['-c', `${line}\ncommand -v fomular-daemon`], { env, extendEnv: false })
    assert.match(here.stdout, /fomular\/bin\/fomular-daemon$/, line)
    for (const start of starts) {
      // A terminal of its own, as a window has.
      const command = `${start.join(' ')} -i -c "command -v fomular-daemon"`
      const { stdout } = await execa('script', ['-qec', command, '/dev/null'], {
        env,
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      })
      assert.match(stdout, /\.fomular\/bin\/fomular-daemon/, `${start.join(' ')}: ${line}: ${stdout}`)
    }
  }
})

test('an installation that was damaged is mended', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  await machine.run()
  writeFileSync(join(machine.prefix, 'versions/1.0.0/bin/fomular-daemon'), '')
  rmSync(join(machine.prefix, 'current'))
  mkdirSync(join(machine.prefix, 'versions/.tmp-left'))
  assert.equal((await machine.run()).code, 0)
  assert.equal(await versionOf(machine), '1.0.0')
})

test('a release must be signed by the key that is known, where one is', async (t) => {
  const makeKey = () =>
    signer(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  const [key, other] = [makeKey(), makeKey()]
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0', key)
  await server.release('1.1.0')
  const plain = [...TOOLS, 'curl']
  const withoutOpenssl = plain.filter((tool) => tool !== 'openssl')
  const cases: [string[], string[], RegExp | undefined][] = [
    [plain, ['--version=1.0.0', '--public-key', key.publicKey], undefined],
    [plain, ['--version=1.0.0', '--public-key', other.publicKey], /not by the key/],
    [plain, ['--version=1.1.0', '--public-key', key.publicKey], /is not signed/],
    [[...withoutOpenssl, 'minisign'], ['--version=1.0.0', '--public-key', key.publicKey], undefined],
    [[...withoutOpenssl, 'minisign'], ['--version=1.0.0', '--public-key', other.publicKey], /not by the key/],
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
      /not by the key/,
    )
})

test('with a token the machine is enrolled: it is in no argument and no environment', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  for (const shell of SHELLS) {
    const machine = box(t, server)
    writeFileSync(join(machine.home, 'running'), '')
    const env = { FOMULAR_ENROLL_TOKEN: 'fet_secret' }
    const args = ['--server-url', server.url, '--service', 'none']
    const { code, err } = await machine.run(args, { env, shell })
    assert.equal(code, 0, err)
    assert.equal(
      readFileSync(join(machine.home, 'calls'), 'utf8'),
      `enroll --server-url ${server.url} --token-stdin fet_secret\n`,
    )
    assert.equal(readFileSync(join(machine.home, 'leaked'), 'utf8'), '')
  }
})

test('a key and a service: what the program is told', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  writeFileSync(join(machine.home, 'key'), 'k')
  const args = ['--server-url', 'wss://os.example.com', '--key-file', join(machine.home, 'key')]
  assert.equal((await machine.run([...args, '--service', 'pm2'])).code, 0)
  writeFileSync(join(machine.home, 'running'), '')
  await server.release('1.1.0')
  assert.equal((await machine.run()).code, 0)
  assert.equal((await machine.run(['--uninstall'])).code, 0)
  assert.deepEqual(readFileSync(join(machine.home, 'calls'), 'utf8').split('\n'), [
    `enroll --server-url wss://os.example.com --with-key ${machine.home}/key `,
    'service install --manager pm2 ',
    'service restart --manager pm2 --name fomular-daemon ',
    'service uninstall --all ',
    '',
  ])
})

test('state and settings stay, unless they are to go', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  await machine.run()
  mkdirSync(join(machine.prefix, 'state'))
  for (const name of ['state/machine.json', 'config.toml', 'key'])
    writeFileSync(join(machine.prefix, name), '')
  const { out } = await machine.run(['--uninstall'])
  assert.match(out, /State and settings are still there/)
  assert.deepEqual(machine.files(), [
    '.fomular',
    '.fomular/config.toml',
    '.fomular/key',
    '.fomular/state',
    '.fomular/state/machine.json',
    'calls',
    'leaked',
  ])
  await machine.run()
  writeFileSync(join(machine.prefix, 'state/thesis.txt'), '')
  const dry = await machine.run(['--uninstall', '--purge', '--dry-run'])
  assert.match(dry.out, /Would remove .*machine\.json/)
  // A folder of the same disk, mounted below.
  const agents = join(machine.prefix, 'state/agents/one')
  mkdirSync(agents, { recursive: true })
  const bind = `${whereIs('mount')} --bind '${agents}' '${agents}' && exec "$0" "$@"`
  const wrap = [whereIs('unshare'), '--mount', whereIs('sh'), '-c', bind]
  const withDisk = await machine.run(['--uninstall', '--purge', '--dry-run'], { wrap })
  assert.match(withDisk.out, new RegExp(`Left .*/state: a disk is mounted at ${agents}\\.`))
  assert.doesNotMatch(withDisk.out, /Would remove .*machine\.json/)
  const purged = await machine.run(['--uninstall', '--purge'])
  assert.equal(purged.code, 0, purged.err)
  assert.match(purged.out, /Left .*\.fomular\/state: there is more in it/)
  assert.deepEqual(machine.files(), [
    '.fomular',
    '.fomular/state',
    '.fomular/state/thesis.txt',
    'calls',
    'leaked',
  ])
  const calls = readFileSync(join(machine.home, 'calls'), 'utf8')
  assert.match(calls, /service uninstall --all --purge --dry-run \n.*service uninstall --all --purge \n/s)
})

test('where the executable does not run, the program runs on the Node that is there', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const fake = (machine: Box, name: string, text: string) => {
    rmSync(join(machine.bin, name), { force: true })
    writeFileSync(join(machine.bin, name), `#!${whereIs('sh')}\n${text}\n`, { mode: 0o755 })
  }
  const musl = (machine: Box) => {
    fake(machine, 'getconf', '[ "$1" = LONG_BIT ] && echo 64 || exit 1')
    fake(machine, 'ldd', 'echo "musl libc (x86_64)" >&2; exit 1')
  }
  const without = box(t, server)
  musl(without)
  assert.match((await without.run()).err, /musl.*\n.*apk add nodejs/)
  assert.deepEqual(without.files(), [])

  for (const how of [
    musl,
    (machine: Box) => fake(machine, 'getconf', '[ "$1" = LONG_BIT ] && echo 64 || echo glibc 2.27'),
  ]) {
    const machine = box(t, server)
    how(machine)
    copyFileSync(NODE, join(machine.bin, 'node'))
    const { code, out, err } = await machine.run()
    assert.equal(code, 0, err)
    assert.match(out, /Node [\d.]+ will run the program/)
    assert.equal(readlinkSync(join(machine.prefix, 'bin/fomular-daemon')), '../current/dist/index.js')
    assert.equal(await versionOf(machine), '1.0.0')
    assert.match((await machine.run()).out, /is installed already/)
  }

  const old = box(t, server)
  musl(old)
  fake(old, 'node', 'echo 18.18.2')
  assert.match((await old.run()).err, /Install Node 18\.19 or newer/)
})

test('on systems without an executable it is said what to do', async (t) => {
  const cases: [string, RegExp][] = [
    ['[ "$1" = -s ] && echo MINGW64_NT-10.0 || echo x86_64', /runs in WSL.*\n.*wsl --install/],
    ['[ "$1" = -s ] && echo FreeBSD || echo x86_64', /no executable for FreeBSD.*\n.*npm install -g/],
    ['[ "$1" = -s ] && echo Linux || echo riscv64', /no executable for riscv64.*\n.*npm install -g/],
  ]
  const server = await ReleaseServer.open(t)
  for (const [uname, error] of cases) {
    const machine = box(t, server)
    rmSync(join(machine.bin, 'uname'))
    writeFileSync(join(machine.bin, 'uname'), `#!${whereIs('sh')}\n${uname}\n`, { mode: 0o755 })
    assert.match((await machine.run()).err, error)
    assert.deepEqual(server.requests, [])
  }
})

test('another fomular-daemon that comes first on PATH is pointed out', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  writeFileSync(join(machine.bin, 'fomular-daemon'), '', { mode: 0o755 })
  const { err } = await machine.run([], { env: { PATH: `${machine.bin}:${machine.prefix}/bin` } })
  assert.match(err, /is another one/)
})
