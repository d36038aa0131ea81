import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { readConfigFile } from '../../../src/config/file.ts'
import { keySources, missingKey, readKey } from '../../../src/config/key.ts'
import { systemCode } from '../../../src/platform/errors.ts'
import { withoutDescriptors } from '../../support/descriptors.ts'

const dir = mkdtempSync(join(tmpdir(), 'fomular-key-'))
after(() => rmSync(dir, { recursive: true, force: true }))

function file(name: string, content: string, mode = 0o600) {
  const path = join(dir, name)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

const read = (flags: { key?: string; keyFile?: string }, env: NodeJS.ProcessEnv = {}) =>
  readKey(keySources(flags, env), missingKey())

test('the key comes from its flag, variable, file or systemd, in that order', () => {
  const a = file('a', 'from-a\n')
  const b = file('b', 'from-b')
  file('key', 'from-systemd\n')
  const env = { FOMULAR_KEY: 'from-env', FOMULAR_KEY_FILE: b, CREDENTIALS_DIRECTORY: dir }
  assert.equal(read({ key: 'from-flag', keyFile: a }, env).key, 'from-flag')
  const fromA = { key: 'from-a', source: `--key-file (${a})`, file: a, warnings: [] }
  assert.deepEqual(read({ keyFile: a }, env), fromA)
  assert.equal(read({}, env).key, 'from-env')
  assert.equal(read({}, { ...env, FOMULAR_KEY: '' }).key, 'from-b')
  assert.equal(read({}, { CREDENTIALS_DIRECTORY: dir }).key, 'from-systemd')
})

test('--key and FOMULAR_KEY can name a variable that contains the key', () => {
  const env = { MACHINE_KEY: 'from-variable', OTHER: `${dir}/named` }
  const sources = [
    [{ key: '$MACHINE_KEY' }, env, '--key, the variable MACHINE_KEY'],
    [{}, { ...env, FOMULAR_KEY: `$\{MACHINE_KEY}` }, 'FOMULAR_KEY, the variable MACHINE_KEY'],
  ] as const
  for (const [flags, variables, source] of sources)
    assert.deepEqual(readKey(keySources(flags, variables), missingKey(), variables), {
      key: 'from-variable',
      source,
      warnings: [],
    })
  assert.throws(() => read({ key: '$MACHINE_KEY' }), /there is no variable MACHINE_KEY/)
})

test('the text of a key file is used unchanged, and causes a warning if it looks like a variable', () => {
  const odd = { $odd: 1, '"quoted"': 0, '~/a': 0, $a$b: 0, '$(id)': 1, '%ODD%': 0 }
  for (const [key, warned] of Object.entries(odd)) {
    const found = readKey([{ name: '--key-file', file: file('odd', `${key}\n`) }], missingKey(), {
      odd: 'no',
    })
    assert.deepEqual([found.key, found.warnings.length], [key, warned])
  }
  const env = { OTHER: file('named', 'from-file') }
  assert.equal(readKey(keySources({ keyFile: '$OTHER' }, env), missingKey(), env).key, 'from-file')
  assert.equal(
    readKey([{ name: 'standard input', key: '$odd', literal: true }], missingKey(), {}).key,
    '$odd',
  )
})

test('the error about a missing key names every way to set the key', () => {
  assert.throws(
    () => read({}),
    (error: Error & { remedy?: string; exitCode?: number }) => {
      for (const way of [
        '--key-file',
        'FOMULAR_KEY_FILE',
        'FOMULAR_KEY',
        '--key',
        'key_file',
        'systemd',
        'fomular-daemon up',
      ])
        assert.ok(error.remedy?.includes(way), way)
      return error.exitCode === 2
    },
  )
})

test('a key file that other users can read causes a warning', () => {
  const path = file('open', 'k', 0o644)
  assert.deepEqual(read({ keyFile: path }).warnings, [`other users can read ${path}: run chmod 600 ${path}`])
})

test('an invalid key is refused, and not repeated in the message', () => {
  for (const [content, why] of [
    ['', /is empty/],
    [' \n', /is empty/],
    ['two words', /blanks or line breaks/],
    ['one\ntwo\n', /blanks or line breaks/],
    ['clé', /characters that are not allowed in a key/],
  ] as const) {
    const path = file('bad', content)
    assert.throws(
      () => read({ keyFile: path }),
      (error: Error) => {
        assert.match(error.message, why)
        assert.ok(content.trim() === '' || !error.message.includes(content.trim()))
        return true
      },
    )
  }
  assert.throws(
    () => read({ keyFile: join(dir, 'none') }),
    /--key-file: .*none cannot be read: no such file or directory$/,
  )
  // Tests a device that delivers bytes without end, and a file over the limit.
  for (const keyFile of ['/dev/zero', file('long', 'k'.repeat(8193))])
    assert.throws(
      () => read({ keyFile }),
      /^UserError: --key-file: .* cannot be read: it is longer than 8192 bytes$/,
    )
})

test('a key is hidden from ps and from child processes', async () => {
  const program = `
    import { readFileSync } from 'node:fs'
    import { concealKey } from ${JSON.stringify(new URL('../../../src/config/key.ts', import.meta.url).href)}
    concealKey('secret-3-which-is-a-long-one')
    const cmdline = process.platform === 'linux' ? readFileSync('/proc/self/cmdline', 'utf8') : process.title
    console.log(JSON.stringify({ cmdline, key: process.env.FOMULAR_KEY ?? null, hub: process.env.FOMULAR_HUB_KEY ?? null, others: ['MACHINE_KEY', 'args', 'UNLIKE'].map((name) => process.env[name] ?? null) }))
  `
  const path = file('program.mjs', program)
  const env = {
    ...process.env,
    FOMULAR_KEY: 'secret-1',
    FOMULAR_HUB_KEY: 'secret-2',
    // A supervisor may keep copies of the command line in variables.
    MACHINE_KEY: 'secret-3-which-is-a-long-one',
    args: 'run,--key,secret-3-which-is-a-long-one',
    UNLIKE: 'secret-3',
  }
  const args = [
    path,
    'run',
    '--server-url',
    'ws://localhost:1',
    '--key',
    'secret-3-which-is-a-long-one',
    '--key=secret-4',
  ]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  const { cmdline, ...rest } = JSON.parse(stdout)
  assert.deepEqual(rest, { key: null, hub: null, others: [null, null, 'secret-3'] })
  assert.doesNotMatch(cmdline, /secret/)
  assert.match(cmdline, /--server-url ws:\/\/localhost:1 --key \*\*\*/)
})

test('the error about missing file descriptors does not blame the key or the configuration file', async () => {
  const keyFile = file('there', 'a-key')
  const path = file('config.toml', '')
  const failed: unknown[] = []
  await withoutDescriptors(async () => {
    try {
      read({ keyFile })
    } catch (error) {
      failed.push(error)
    }
    await readConfigFile({ path, by: '--config' }, {}).catch((error) => failed.push(error))
  })
  assert.deepEqual(failed.map(systemCode), ['EMFILE', 'EMFILE'])
})
