import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atStart, files, folderOf, imports, own, text, wingOf } from './source-modules.ts'

interface Arrows {
  /** Folders whose modules may be imported. */
  to: string[]
  /** Folders that may be imported, but not by modules that every start of the program needs. */
  lazily?: string[]
  why: string
}

/** The folders that each folder may import. `main.ts` counts as a folder here. */
const arrows: Record<string, Arrows> = {
  protocol: {
    to: [],
    why: 'other programs and web pages use the protocol, so the protocol imports no other folder, and nothing from Node',
  },
  client: {
    to: ['protocol'],
    why: 'the command line and web pages use the client, so the client reaches a hub through an interface, and does not need Node',
  },
  console: {
    to: ['protocol', 'client'],
    why: 'the console runs in a browser, and uses only the public API of the hub',
  },
  metrics: { to: [], why: 'metrics are numbers with names, whatever they count' },
  platform: {
    to: [],
    why: 'the platform has facts about the operating system that are independent of the purpose of this program',
  },
  config: { to: ['platform', 'protocol'], why: 'settings are read before anything else runs' },
  policy: {
    to: ['platform', 'protocol', 'config'],
    why: 'a policy needs only a command and the policy file for a decision, and starts nothing',
  },
  agents: { to: ['platform', 'protocol'], why: 'an agent runs without a link, and without a daemon' },
  workspace: {
    to: ['platform', 'protocol'],
    why: 'the folders of an agent can be read without the agent',
  },
  wire: { to: ['platform', 'protocol'], why: 'both ends of a connection use this code' },
  link: {
    to: ['platform', 'protocol', 'wire'],
    why: 'the connection does not know the content of its messages',
  },
  hub: {
    to: ['platform', 'metrics', 'protocol', 'config', 'wire'],
    why: 'the hub is a server like any other, and knows machines only through the protocol',
  },
  daemon: {
    to: [
      'platform',
      'metrics',
      'protocol',
      'config',
      'policy',
      'agents',
      'workspace',
      'link',
      'update',
      'service',
    ],
    why: 'the daemon connects the parts, but knows neither its callers nor its server',
  },
  update: { to: ['platform', 'protocol', 'config'], why: 'an update must work even if other parts do not' },
  service: {
    to: ['platform', 'protocol', 'config'],
    why: 'agents are independent of systemd and pm2',
  },
  conformance: {
    to: ['platform', 'protocol'],
    why: 'the conformance checks use the protocol alone: with code of the daemon or the hub, the checks would have the same bugs',
  },
  cli: {
    to: ['platform', 'metrics', 'protocol', 'config', 'client'],
    lazily: ['daemon', 'hub', 'policy', 'agents', 'link', 'update', 'service', 'conformance'],
    why: '`--version` and `agent list` start quickly, because they load only the modules that they need',
  },
  'main.ts': { to: ['cli', 'platform'], why: 'the main module only calls the command line' },
}

/**
 * Imports between the wings of the hub: HTTP and machines may import the registries, and the registries may
 * import the store's interface. A file outside of all wings counts as a wing with its name.
 */
const wings: Record<string, Arrows> = {
  'http-error.ts': { to: ['store'], why: 'any part may refuse a request, also because of the store' },
  store: { to: [], why: 'the interface knows neither its users nor any kind of store' },
  'store/files': {
    to: ['store', 'store/files/commits'],
    why: 'this is one kind of store, and another kind would be a folder like this',
  },
  'store/files/commits': { to: [], why: 'the commit log knows journals only by their paths and lines' },
  gate: { to: ['http-error.ts'], why: 'the gate limits unknown clients without reading their requests' },
  audit: { to: ['http-error.ts', 'store'], why: 'the audit log records entries for requests of any kind' },
  registry: {
    to: ['http-error.ts', 'store'],
    why: 'the registries know keys, machines, agents, and commands, but no connections and requests',
  },
  machines: { to: ['registry', 'store', 'gate'], why: 'connections of daemons do not need HTTP' },
  streams: {
    to: ['gate', 'registry', 'store'],
    why: 'a stream needs a client that the gate has admitted, but neither its request nor connections of daemons',
  },
  push: {
    to: ['registry', 'store'],
    why: 'notifications follow the registries, and need neither requests nor connections of daemons',
  },
  metrics: {
    to: ['gate', 'push', 'registry', 'store'],
    why: 'metrics are read from the parts, and no part knows that it is counted',
  },
  rollouts: {
    to: ['http-error.ts', 'audit', 'registry', 'store'],
    why: 'staged updates order commands as people do, and need neither requests nor connections of daemons',
  },
  console: { to: [], why: 'the files of the console are the same for every request' },
  http: {
    to: [
      'http-error.ts',
      'audit',
      'console',
      'gate',
      'machines',
      'metrics',
      'push',
      'registry',
      'rollouts',
      'store',
      'streams',
    ],
    why: 'requests of people and programs use every part, but no kind of store',
  },
  'assemble.ts': {
    to: ['audit', 'gate', 'http', 'machines', 'metrics', 'push', 'registry', 'rollouts', 'store', 'streams'],
    why: 'this file connects the parts for any kind of store',
  },
  'store/postgres': {
    to: ['store'],
    why: 'this is another kind of store, which knows nothing of files',
  },
  migrate: { to: ['store'], why: 'a migration copies between any two kinds of stores' },
  check: { to: ['store'], why: 'a check reads any kind of store' },
  'open-contents.ts': {
    to: ['store', 'store/files', 'store/postgres'],
    why: 'this file chooses a kind of store, like open-store.ts',
  },
  'open-store.ts': {
    to: ['store', 'store/files', 'store/postgres'],
    why: 'only this file chooses a kind of store',
  },
  'hub.ts': {
    to: ['assemble.ts', 'gate', 'http', 'machines', 'open-store.ts'],
    why: 'the hub does not know where its store is',
  },
}

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

test('the protocol and the client import only their libraries, and nothing from Node', () => {
  const libraries: Record<string, RegExp> = {
    protocol: /^(\.|zod\/(mini|v4\/locales\/en\.js)$)/,
    client: /^(\.|zod\/mini$|eventsource-parser$|diff$)/,
  }
  const wrong = imports.filter(({ file, specifier }) => libraries[folderOf(file)]?.test(specifier) === false)
  assert.deepEqual(wrong, [])
})

test('every module imports zod/mini as a namespace, because the full zod costs 10 ms and 3 MB at each start', () => {
  assert.deepEqual(
    imports.filter(({ specifier }) => /^zod(?!\/(mini|v4\/locales\/en\.js)$)/.test(specifier)),
    [],
  )
  for (const file of files) assert.doesNotMatch(text(file), /import (type )?\{[^}]*\} from 'zod/, file)
})

test('imports between modules, including imports of types, have no cycles', () => {
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
