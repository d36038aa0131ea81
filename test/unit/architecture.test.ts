import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const src = fileURLToPath(new URL('../../src', import.meta.url))

interface Arrows {
  /** Folders whose modules may be imported. */
  to: string[]
  /** Folders that may be imported, except by modules that every start of the program needs. */
  lazily?: string[]
  why: string
}

/** Imports run downward only. `main.ts` counts as a folder here. */
const arrows: Record<string, Arrows> = {
  protocol: {
    to: [],
    why: 'others use it, even in browsers: it needs no other folder, and nothing from Node',
  },
  client: {
    to: ['protocol'],
    why: 'the command line and a web page share it: it reaches a hub through an interface, without Node',
  },
  platform: { to: [], why: 'facts about the operating system, independent of the purpose of this program' },
  config: { to: ['platform', 'protocol'], why: 'settings are read before anything else runs' },
  policy: {
    to: ['platform', 'protocol', 'config'],
    why: 'decides about commands from their content and a file: it starts nothing',
  },
  agents: { to: ['platform', 'protocol'], why: 'an agent runs without a link, and without a daemon' },
  wire: { to: ['platform', 'protocol'], why: 'either end of a connection: it belongs to no side' },
  link: { to: ['platform', 'protocol', 'wire'], why: 'the connection does not know what it carries' },
  hub: {
    to: ['platform', 'protocol', 'config', 'wire'],
    why: 'a server like any other: it knows machines only through the protocol',
  },
  daemon: {
    to: ['platform', 'protocol', 'config', 'policy', 'agents', 'link', 'update', 'service'],
    why: 'wires the parts; knows neither its callers nor its server',
  },
  update: { to: ['platform', 'protocol', 'config'], why: 'must work when the rest does not' },
  service: {
    to: ['platform', 'protocol', 'config'],
    why: 'agents are independent of systemd and pm2',
  },
  conformance: {
    to: ['platform', 'protocol'],
    why: 'judges any peer by the protocol alone: shared code with the daemon or hub would share their bugs',
  },
  cli: {
    to: ['platform', 'protocol', 'config', 'client'],
    lazily: ['daemon', 'hub', 'policy', 'agents', 'link', 'update', 'service', 'conformance'],
    why: '`--version` and `agent list` start quickly: they do not load modules that they do not need',
  },
  'main.ts': { to: ['cli', 'platform'], why: 'hands over to the command line' },
}

/**
 * Imports between the wings of the hub: HTTP and machines above the registries, these above the store's
 * interface. A file that lies in no wing counts by its name.
 */
const wings: Record<string, Arrows> = {
  'http-error.ts': { to: [], why: 'any part may refuse a request' },
  store: { to: [], why: 'an interface: neither its users nor any kind of store' },
  'store/files': { to: ['store'], why: 'one kind of store; another one is a folder like this' },
  gate: { to: ['http-error.ts'], why: 'limits strangers without knowing what they want' },
  audit: { to: ['http-error.ts', 'store'], why: 'records what it is told, for requests of any kind' },
  registry: {
    to: ['http-error.ts', 'store'],
    why: 'facts about keys, machines, agents, and commands, without connections and requests',
  },
  machines: { to: ['registry', 'store', 'gate'], why: 'connections of daemons; HTTP is beside it' },
  http: {
    to: ['http-error.ts', 'audit', 'gate', 'machines', 'registry', 'store'],
    why: 'requests of people and programs: uses every part, but no kind of store',
  },
  'assemble.ts': {
    to: ['audit', 'gate', 'http', 'machines', 'registry', 'store'],
    why: 'builds the parts for any store',
  },
  'hub.ts': {
    to: ['assemble.ts', 'gate', 'http', 'machines', 'store/files'],
    why: 'chooses the store: the only import of a kind of store',
  },
}

interface Import {
  file: string
  specifier: string
  kind: 'static' | 'type' | 'lazy'
}

const files = globSync('**/*.{ts,tsx}', { cwd: src }).sort()
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

/** Modules that every start of the program loads. */
const atStart = new Set<string>()
const reach = (file: string): void => {
  if (atStart.has(file)) return
  atStart.add(file)
  for (const target of needs.get(file) ?? []) reach(target)
}
reach('main.ts')

test('every folder of src is listed in the architecture', () => {
  assert.deepEqual(
    [...new Set(files.map(folderOf))].filter((folder) => !arrows[folder]),
    [],
  )
})

test('the import scanner finds every import', () => {
  for (const { file, target } of own) assert.ok(files.includes(target), `${file} imports ${target}`)
  const mentioned = files.flatMap((file) => text(file).match(/\bfrom '|\bimport\('|^import '/gm) ?? [])
  assert.equal(imports.length, mentioned.length)
})

test('imports between folders follow the architecture', () => {
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

/** Returns the wing of a file in the hub: its folder, or its name if it lies in no folder. */
const wingOf = (file: string) => {
  const path = file.slice('hub/'.length)
  return path.includes('/') ? dirname(path) : path
}

test('imports between the wings of the hub follow the architecture', () => {
  const inHub = own.filter(({ file, target }) => file.startsWith('hub/') && target.startsWith('hub/'))
  assert.deepEqual(
    [...new Set(inHub.map(({ file }) => wingOf(file)))].filter((wing) => !wings[wing]),
    [],
  )
  const wrong = inHub.filter(({ file, target }) => {
    const [from, to] = [wingOf(file), wingOf(target)]
    return from !== to && !wings[from]?.to.includes(to)
  })
  assert.deepEqual(
    wrong.map(({ file, target, kind }) => `${file} → ${target} (${kind}): ${wings[wingOf(file)]?.why}`),
    [],
  )
})

test('only the store in files reads and writes the files of the hub', () => {
  const tools = ['files', 'format', 'lock'].map((name) => `platform/${name}.ts`)
  const writers = own
    .filter(({ file, target }) => file.startsWith('hub/') && tools.includes(target))
    .map(({ file }) => file)
    .filter((file) => wingOf(file) !== 'store/files')
  // The address of a running hub, for other programs on its machine.
  assert.deepEqual(writers, ['hub/hub.ts'])
})

test('the protocol and the client import only their libraries, and nothing from Node', () => {
  const libraries: Record<string, RegExp> = {
    protocol: /^(\.|zod\/(mini|v4\/locales\/en\.js)$)/,
    client: /^(\.|zod\/mini$|eventsource-parser$)/,
  }
  const wrong = imports.filter(({ file, specifier }) => libraries[folderOf(file)]?.test(specifier) === false)
  assert.deepEqual(wrong, [])
})

test('every module uses zod/mini as a namespace: the full zod costs 10 ms and 3 MB at each start', () => {
  assert.deepEqual(
    imports.filter(({ specifier }) => /^zod(?!\/(mini|v4\/locales\/en\.js)$)/.test(specifier)),
    [],
  )
  for (const file of files) assert.doesNotMatch(text(file), /import (type )?\{[^}]*\} from 'zod/, file)
})

test('imports between modules have no cycles, types included', () => {
  const needed = new Map(
    files.map((file) => [
      file,
      own.filter((found) => found.file === file && found.kind !== 'lazy').map(({ target }) => target),
    ]),
  )
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    assert.ok(!path.includes(file), `cycle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`)
    if (done.has(file)) return
    for (const target of needed.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})

/** Files outside of its folder that may name Claude Code, with the reason. All others ask the registry. */
const NAMING: Record<string, string> = {
  'agents/runtimes/index.ts': 'the registry itself',
  'protocol/spec.ts': 'the default runtime of the protocol',
  'conformance/server/caller.ts': 'speaks the protocol alone, and sends a complete specification',
  'config/environment.ts': 'keeps the variables of an outer session from npm and from a new version, too',
  'config/explain.ts': 'the names of all variables, which are read before anything else',
  'cli/program.ts': 'the help of the program, which every start loads',
  'cli/agent/start.ts': 'the help of flags, which `agent list` loads, too',
  'cli/agent/remove.ts': 'the help, which says what stays',
  'cli/machine/index.ts': 'an example in the help',
  'policy/names.ts': 'names of variables that change what any runtime does, or as whom',
  'policy/template.ts': 'examples for people',
  'cli/render/offers.ts': 'words for suggestions, which servers pass on in the form of the runtime',
}

test('no file but a few knows Claude Code: a runtime is a folder and a line in the registry', () => {
  const found = [...files, 'agents/process/launch.sh'].filter((file) => /claude/i.test(text(file)))
  assert.deepEqual(
    found.filter((file) => !file.startsWith('agents/runtimes/claude/')).sort(),
    Object.keys(NAMING).sort(),
  )
  const inside = own.filter(
    ({ file, target }) =>
      target.startsWith('agents/runtimes/claude/') && !file.startsWith('agents/runtimes/claude/'),
  )
  assert.deepEqual(
    inside.map(({ file }) => file),
    ['agents/runtimes/index.ts'],
  )
})

const lengthOf = (file: string) => text(file).trimEnd().split('\n').length

test('no source file is longer than 300 lines', () => {
  const long = files.filter((file) => lengthOf(file) > 300)
  assert.deepEqual(long, [])
})

test('half of the source files have at most 70 lines', () => {
  const lengths = files.map(lengthOf).sort((a, b) => a - b)
  assert.ok(lengths[lengths.length >> 1]! <= 70)
})

/** Files that write to the terminal; all other output passes through one of them. */
const WRITERS: Record<string, RegExp> = {
  'cli/terminal.ts': /process\.std(out|err)\.write\(/g,
  'cli/prompt.ts': /output: process\.stdout /g,
  // Ends the process once its output is written.
  'main.ts': /process\.std(out|err)\.write\(''/g,
  'platform/log.ts': /writeSync\(2,/g,
}
/** Expressions that only query the terminal. */
const ASKING = /process\.std(out|err)\.(isTTY|columns|rows|on)\b/g

test('all output to the terminal passes through a few modules', () => {
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
