import assert from 'node:assert/strict'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { program } from '../../src/cli/program.ts'
import { CONFIG_KEYS, type DaemonConfig, loadDaemonConfig } from '../../src/config/config.ts'
import { commandLines, faultOf, isRun } from '../support/commands-in-text.ts'
import { tempDir } from '../support/temp.ts'

const root = new URL('../../', import.meta.url)
const text = readFileSync(new URL('README.md', root), 'utf8')

/** Variables that this program sets for its child processes, and nobody sets by hand. */
const INTERNAL = [
  'FOMULAR_DAEMON_KEEPER',
  'FOMULAR_DAEMON_UNREAPED',
  'FOMULAR_AGENT',
  'FOMULAR_AGENT_MARK',
  'FOMULAR_DAEMON_NO_SELF_RELAUNCH',
  'FOMULAR_DAEMON_ON_TRIAL',
  'FOMULAR_DAEMON_STARTED_AS',
]

const sorted = (values: Iterable<string>) => [...new Set(values)].sort()
const all = (pattern: RegExp, where = text) => sorted([...where.matchAll(pattern)].map(([, found]) => found!))

/** Returns the cells of the table under a heading, without its header. */
function table(heading: string): string[][] {
  const section = text.slice(text.indexOf(`${heading}\n`))
  const [rows = ''] = section.match(/(?:^\|.*\n)+/m) ?? []
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

/** Returns every command by its name, such as `agent start`, with its long flags. */
function commands(command: Command, path: string[] = []): [string, string[]][] {
  const inner = command.commands.filter((each) => each.name() !== 'help')
  const own: [string, string[]] = [path.join(' '), command.options.flatMap(({ long }) => long ?? [])]
  return [
    ...(isRun(command) && path.length > 0 ? [own] : []),
    ...inner.flatMap((each) => commands(each, [...path, each.name()])),
  ]
}

test('the README lists exactly the commands and flags that exist', async () => {
  const known = commands(await program(['--help']))
  assert.deepEqual(
    sorted(table('## Commands').map(([name]) => code(name)!)),
    sorted(known.map(([name]) => name)),
  )
  const tables = text.slice(text.indexOf('## Commands'), text.indexOf('## Files\n'))
  assert.deepEqual(all(/`(--[\w-]+)`/g, tables), sorted(['--help', ...known.flatMap(([, flags]) => flags)]))
})

test('each row of the command table in the README lists only flags of its command', async () => {
  const known = new Map(commands(await program(['--help'])))
  for (const [name = '', , flags = ''] of table('## Commands')) {
    const own = known.get(code(name)!)!
    for (const flag of all(/`(--[\w-]+)`/g, flags)) assert.ok(own.includes(flag), `${name} ${flag}`)
  }
})

test('the README lists every setting with its flag, variable and default', async (t) => {
  const rows = table('### Settings')
  assert.deepEqual(sorted(rows.map(([, , key]) => code(key)!)), sorted(CONFIG_KEYS))
  const env = { HOME: tempDir(t) }
  const defaults: Partial<DaemonConfig> = await loadDaemonConfig({ flags: { key: 'k' }, env })
  for (const [flag, variable, cell, value] of rows) {
    const key = code(cell)!
    const update = key.startsWith('update.')
    assert.equal(code(flag), update ? undefined : `--${key.replaceAll('_', '-')}`)
    assert.equal(code(variable), `FOMULAR_${key.replace('.', '_').toUpperCase()}`)
    if (key === 'key' || key === 'key_file') continue
    const found = update
      ? defaults.update?.[key.slice('update.'.length) as 'package' | 'registry']
      : defaults[key as keyof DaemonConfig]
    const shown = found === undefined ? undefined : String(found).replace(env.HOME, '~')
    assert.equal(code(value), shown, key)
  }
})

test('the README mentions every variable that the code reads', () => {
  const src = new URL('src/', root)
  const code = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(new URL(path, src), 'utf8'))
    .join('\n')
  const built = all(/declare const (FOMULAR_\w+)/g, code)
  const documented = all(/`(FOMULAR_[A-Z_]+)`/g)
  for (const name of all(/\b(FOMULAR_[A-Z]+(?:_[A-Z]+)*)\b/g, code))
    assert.equal(documented.includes(name), ![...built, ...INTERNAL].includes(name), name)
})

test('the README lists the exit codes of the program', () => {
  assert.deepEqual(
    table('### Exit codes').map(([number]) => Number(number)),
    Object.values(EXIT),
  )
})

const pages = [
  'README.md',
  ...globSync(['src/**/*.md', 'packaging/*.md', 'test/**/*.md', '.github/*.md'], {
    cwd: fileURLToPath(root),
  }),
]

for (const page of pages)
  test(`the links in ${page} lead to existing files and headings`, () => {
    const source = readFileSync(new URL(page, root), 'utf8')
    const links = [...source.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
    for (const [link, path = '', anchor] of links) {
      const target = readFileSync(new URL(path, new URL(page, root)), 'utf8')
      if (anchor !== undefined)
        assert.ok(
          all(/^#+ (.*)$/gm, target)
            .map(slug)
            .includes(anchor),
          link,
        )
    }
  })

for (const page of pages)
  test(`the command lines in ${page} are valid`, async () => {
    for (const written of commandLines(readFileSync(new URL(page, root), 'utf8')))
      assert.equal(await faultOf(written), undefined)
  })

/** Returns the anchor that GitHub gives a heading. */
const slug = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
