import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const src = fileURLToPath(new URL('../../src', import.meta.url))

interface Arrows {
  /** Folders whose modules may be imported. */
  to: string[]
  /** Folders whose modules may be imported, but not by anything that the program needs at every start. */
  lazily?: string[]
  why: string
}

/** Imports run downwards only. `main.ts` is a folder of its own here. */
const arrows: Record<string, Arrows> = {
  protocol: {
    to: [],
    why: 'others use it, in browsers too: it stands on nothing of ours, and on nothing of Node',
  },
  platform: { to: [], why: 'truths about the operating system, without a word of what this program is for' },
  config: { to: ['platform', 'protocol'], why: 'settings are read before anything else is there' },
  agents: { to: ['platform', 'protocol'], why: 'an agent lives without a link, and without a daemon' },
  link: { to: ['platform', 'protocol'], why: 'the connection does not know what it carries' },
  hub: {
    to: ['platform', 'protocol', 'config'],
    why: 'a server like any other: what it knows of machines, it knows from the wire',
  },
  daemon: {
    to: ['platform', 'protocol', 'config', 'agents', 'link', 'update', 'service'],
    why: 'wires the parts; knows neither its callers nor its server',
  },
  update: { to: ['platform', 'protocol', 'config'], why: 'has to work when the rest does not' },
  service: {
    to: ['platform', 'protocol', 'config'],
    why: 'what is written for systemd or pm2 is no business of agents',
  },
  conformance: {
    to: ['platform', 'protocol'],
    why: 'judges any peer by the protocol alone: with a line of daemon or hub in it, both would agree on their faults',
  },
  cli: {
    to: ['platform', 'protocol', 'config'],
    lazily: ['daemon', 'hub', 'agents', 'link', 'update', 'service', 'conformance'],
    why: '`--version` and `agent list` start quickly: what they do not need is not initialised',
  },
  'main.ts': { to: ['cli', 'platform'], why: 'hands over to the command line' },
}

interface Import {
  file: string
  specifier: string
  kind: 'static' | 'type' | 'lazy'
}

const files = globSync('**/*.ts', { cwd: src }).sort()
const text = (file: string) => readFileSync(join(src, file), 'utf8')

function importsOf(file: string): Import[] {
  const code = text(file)
  const found = [
    ...code.matchAll(/^(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?'([^']+)'/gm),
  ].map(([, type, specifier]): Import => ({ file, specifier: specifier!, kind: type ? 'type' : 'static' }))
  const lazy = [...code.matchAll(/\bimport\('([^']+)'\)/g)].map(
    ([, specifier]): Import => ({ file, specifier: specifier!, kind: 'lazy' }),
  )
  return [...found, ...lazy]
}

const imports = files.flatMap(importsOf)
const folderOf = (file: string) => file.split('/')[0]!
const targetOf = ({ file, specifier }: Import) =>
  specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : undefined
const own = imports.flatMap((found) => {
  const target = targetOf(found)
  return target === undefined ? [] : [{ ...found, target }]
})

const needs = new Map(
  files.map((file) => [
    file,
    own.filter((found) => found.file === file && found.kind === 'static').map(({ target }) => target),
  ]),
)

/** What every start of the program initialises. */
const atStart = new Set<string>()
const reach = (file: string): void => {
  if (atStart.has(file)) return
  atStart.add(file)
  for (const target of needs.get(file) ?? []) reach(target)
}
reach('main.ts')

test('every folder of src has its place', () => {
  assert.deepEqual(
    [...new Set(files.map(folderOf))].filter((folder) => !arrows[folder]),
    [],
  )
})

test('every import is read', () => {
  for (const { file, target } of own) assert.ok(files.includes(target), `${file} imports ${target}`)
  const mentioned = files.flatMap((file) => text(file).match(/\bfrom '|\bimport\('|^import '/gm) ?? [])
  assert.equal(imports.length, mentioned.length)
})

test('imports run along the arrows', () => {
  const wrong = own.filter(({ file, target, kind }) => {
    const [from, to] = [folderOf(file), folderOf(target)]
    if (from === to) return false
    const { to: allowed = [], lazily = [] } = arrows[from] ?? {}
    return !(allowed.includes(to) || (lazily.includes(to) && (kind !== 'static' || !atStart.has(file))))
  })
  assert.deepEqual(
    wrong.map(({ file, target, kind }) => `${file} → ${target} (${kind}): ${arrows[folderOf(file)]?.why}`),
    [],
  )
})

test('the protocol imports nothing but its schemas’ library', () => {
  assert.deepEqual(
    imports.filter(
      ({ file, specifier }) =>
        folderOf(file) === 'protocol' && !/^(\.|zod\/(mini|v4\/locales\/en\.js)$)/.test(specifier),
    ),
    [],
  )
})

test('the small zod is used everywhere, as a namespace: the full one costs 10 ms and 3 MB at each start', () => {
  assert.deepEqual(
    imports.filter(({ specifier }) => /^zod(?!\/(mini|v4\/locales\/en\.js)$)/.test(specifier)),
    [],
  )
  for (const file of files) assert.doesNotMatch(text(file), /import (type )?\{[^}]*\} from 'zod/, file)
})

test('no module needs, at its start, one that needs it', () => {
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    assert.ok(!path.includes(file), `cycle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`)
    if (done.has(file)) return
    for (const target of needs.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})

test('a file is a screen or two', () => {
  const long = files.filter((file) => text(file).split('\n').length > 400)
  assert.deepEqual(long, [])
})

/** Files that write to the terminal: all that others say passes one of them. */
const WRITERS: Record<string, RegExp> = {
  'cli/terminal.ts': /process\.std(out|err)\.write\(/g,
  'cli/prompt.ts': /output: process\.stdout /g,
  // Ends the process once what was written is out.
  'main.ts': /process\.std(out|err)\.write\(''/g,
  'platform/log.ts': /writeSync\(2,/g,
}
/** What does no more than ask the terminal about itself. */
const ASKING = /process\.std(out|err)\.(isTTY|columns|rows|on)\b/g

test('what reaches a terminal passes one boundary', () => {
  const beside = files.filter((file) => {
    const rest = text(file)
      .replace(ASKING, '')
      .replace(WRITERS[file] ?? /$^/, '')
    return /process\s*\??\.\s*std(out|err)|\bconsole\b|writeSync\([12]\b|from 'node:(tty|console|process)'/.test(
      rest,
    )
  })
  assert.deepEqual(beside, [])
})
