import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Command } from 'commander'
import { program } from '../../src/cli/program.ts'
import { type DaemonConfig, loadDaemonConfig } from '../../src/config/daemon-config.ts'
import { CONFIG_KEYS, DEFAULTS } from '../../src/config/settings.ts'
import { EXIT } from '../../src/platform/exit-codes.ts'
import { isRun } from '../support/commands-in-text.ts'
import { tempDir } from '../support/temp.ts'

const root = new URL('../../', import.meta.url)
const page = (path: string) => readFileSync(new URL(path, root), 'utf8')
const commandLine = page('src/cli/README.md')
const settings = page('src/config/README.md')

/** Variables that this program sets for its child processes, and that users never set. */
const INTERNAL = [
  'FOMULAR_DAEMON_KEEPER',
  'FOMULAR_DAEMON_UNREAPED',
  'FOMULAR_AGENT',
  'FOMULAR_AGENT_MARK',
  'FOMULAR_AGENT_UID',
  'FOMULAR_DAEMON_NO_SELF_RELAUNCH',
  'FOMULAR_DAEMON_ON_TRIAL',
  'FOMULAR_DAEMON_STARTED_AS',
]

const sorted = (values: Iterable<string>) => [...new Set(values)].sort()
const all = (pattern: RegExp, where: string) =>
  sorted([...where.matchAll(pattern)].map(([, found]) => found!))

/** Returns the part of a page from one heading to another. */
function part(text: string, from: string, to: string): string {
  const [start, end] = [text.indexOf(`\n${from}\n`), text.indexOf(`\n${to}\n`)]
  assert.ok(start !== -1 && start < end, `${from} to ${to}`)
  return text.slice(start, end)
}

/** Returns the cells of the table under a heading, without the table's header. */
function table(text: string, heading: string): string[][] {
  const start = text.indexOf(`\n${heading}\n`)
  assert.notEqual(start, -1, heading)
  const [rows = ''] = text.slice(start).match(/(?:^\|.*\n)+/m) ?? []
  return rows
    .trim()
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

const code = (cell = '') => /^`(.*)`$/.exec(cell)?.[1]

/** Returns the name of every command, such as `agent start`, with the command's long flags. */
function commands(command: Command, path: string[] = []): [string, string[]][] {
  const inner = command.commands.filter((each) => each.name() !== 'help')
  const own: [string, string[]] = [path.join(' '), command.options.flatMap(({ long }) => long ?? [])]
  return [
    ...(isRun(command) && path.length > 0 ? [own] : []),
    ...inner.flatMap((each) => commands(each, [...path, each.name()])),
  ]
}

test('the reference lists exactly the commands and flags that exist', async () => {
  const known = commands(await program(['--help']))
  assert.deepEqual(
    sorted(table(commandLine, '## Commands').map(([name]) => code(name)!)),
    sorted(known.map(([name]) => name)),
  )
  const tables = part(commandLine, '## Commands', '## Exit codes') + part(settings, '## Settings', '## Files')
  assert.deepEqual(all(/`(--[\w-]+)`/g, tables), sorted(['--help', ...known.flatMap(([, flags]) => flags)]))
})

test('each row of the command table lists only flags of its command', async () => {
  const known = new Map(commands(await program(['--help'])))
  for (const [name = '', , flags = ''] of table(commandLine, '## Commands')) {
    const own = known.get(code(name)!)!
    for (const flag of all(/`(--[\w-]+)`/g, flags)) assert.ok(own.includes(flag), `${name} ${flag}`)
  }
})

test('the page of settings lists every setting with its flag, variable and default', async (t) => {
  const rows = table(settings, '## Settings')
  assert.deepEqual(sorted(rows.map(([, , key]) => code(key)!)), sorted(CONFIG_KEYS))
  const env = { HOME: tempDir(t) }
  const defaults: Partial<DaemonConfig> = await loadDaemonConfig({ flags: { key: 'k' }, env })
  for (const [flag, variable, cell, value] of rows) {
    const key = code(cell)!
    const isInSection = key.includes('.')
    assert.equal(code(flag), isInSection ? undefined : `--${key.replaceAll('_', '-')}`)
    assert.equal(code(variable), `FOMULAR_${key.replace('.', '_').toUpperCase()}`)
    if (key === 'key' || key === 'key_file') continue
    const found = isInSection ? DEFAULTS[key as keyof typeof DEFAULTS] : defaults[key as keyof DaemonConfig]
    const shown = found === undefined ? undefined : String(found).replace(env.HOME, '~')
    assert.equal(code(value), shown, key)
  }
})

test('the pages of settings and of the command line mention every variable that the code reads', () => {
  const src = new URL('src/', root)
  const code = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(new URL(path, src), 'utf8'))
    .join('\n')
  const built = all(/declare const (FOMULAR_\w+)/g, code)
  const documented = all(/`(FOMULAR_[A-Z_]+)`/g, settings + commandLine)
  for (const name of all(/\b(FOMULAR_[A-Z]+(?:_[A-Z]+)*)\b/g, code))
    assert.equal(documented.includes(name), ![...built, ...INTERNAL].includes(name), name)
})

test('the page of the command line lists the exit codes of the program', () => {
  assert.deepEqual(
    table(commandLine, '## Exit codes').map(([number]) => Number(number)),
    Object.values(EXIT),
  )
})

test('the page of the source code lists every folder of src', () => {
  const folders = readdirSync(new URL('src/', root), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `src/${name}/`)
  const listed = table(page('src/README.md'), '## Folders').map(([cell = '']) => /`(.*)`/.exec(cell)![1]!)
  assert.deepEqual(listed.filter((path) => /^src\/.*\/$/.test(path)).sort(), folders.sort())
})
