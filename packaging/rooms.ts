import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Plugin } from 'esbuild'
import { directImports } from './direct-imports.ts'

/** Matches an `import()` in the sources. esbuild would make a separate chunk for each `import()`. */
const IMPORT = /(?<!typeof )\bimport\('([^':]+)'\)/g
const ROOM = 'room:'
/** Modules that only a long-running process imports. */
const LASTING = ['src/cli/start/serve.ts', 'src/cli/up/up.ts', 'src/cli/hub/serve.ts']

/**
 * Module with the command line, which every start of the program loads. Each room refers to this module, so
 * that esbuild puts its code into one chunk, and not into one for each set of rooms that share some of it.
 */
const COMMAND_LINE = 'src/cli/program.ts'
/** Modules whose `import()` leads to what a usual command for a hub needs. */
const CLIENT = /^src\/cli\/(agent\/|client\/(http|route)\.ts$|options\.ts$)/

/**
 * Returns the room that an `import()` loads; each room becomes one chunk. Returns undefined if the importer
 * loads the module's chunk anyway: the `import()` then only delays the first use of the module.
 */
function roomOf(importer: string, target: string): string | undefined {
  if (!target.startsWith('src/')) return `library-${target.replace(/^.*\//, '')}`
  // The definitions of all commands are in the first chunk.
  if (!importer.startsWith('src/cli/') || importer === COMMAND_LINE) return undefined
  if (LASTING.includes(target)) return 'daemon'
  return CLIENT.test(importer) ? 'client' : 'commands'
}

const targetOf = (importer: string, name: string) =>
  name.startsWith('.') ? join(dirname(importer), name) : name

/**
 * Returns the modules that are loaded with `import()`, by room. @throws Error if a module in `LASTING` was
 * moved
 */
function modulesByRoom(root: string): Map<string, Set<string>> {
  const rooms = new Map<string, Set<string>>()
  for (const importer of globSync('src/**/*.ts', { cwd: root }))
    for (const [, name = ''] of readFileSync(join(root, importer), 'utf8').matchAll(IMPORT)) {
      const target = targetOf(importer, name)
      const room = roomOf(importer, target)
      if (room !== undefined) rooms.set(room, (rooms.get(room) ?? new Set()).add(target))
    }
  const moved = LASTING.find((target) => !rooms.get('daemon')?.has(target))
  if (moved !== undefined)
    throw new Error(`src/cli does not import() ${moved}: correct LASTING in packaging/rooms.ts`)
  return rooms
}

/**
 * Gathers the modules that the program loads with `import()` into a few chunks, which are called rooms. A
 * chunk's modules are still initialized on first use.
 */
export const rooms = (root: string): Plugin => ({
  name: 'rooms',
  setup({ onResolve, onLoad, resolve }) {
    const modules = modulesByRoom(root)
    const direct = directImports(join(root, 'src/protocol'))
    const named = (target: string) => (target.startsWith('src/') ? `./${target}` : target)
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const importer = relative(root, path)
      const contents = direct(readFileSync(path, 'utf8')).replace(IMPORT, (_, name: string) => {
        const target = targetOf(importer, name)
        const room = roomOf(importer, target)
        return room === undefined
          ? `Promise.resolve().then(() => require('${name}'))`
          : `import('${ROOM}${room}').then((room) => room.modules['${target}']())`
      })
      return { contents, loader: 'ts' }
    })
    onResolve({ filter: /^room:/ }, ({ path }) => ({ path: path.slice(ROOM.length), namespace: 'room' }))
    onLoad({ filter: /./, namespace: 'room' }, async ({ path: room }) => {
      const targets = new Set(modules.get(room))
      if (!room.startsWith('library-')) targets.add(COMMAND_LINE)
      const lines = [...targets].sort().map(async (target) => {
        // Resolve the path here: require() would choose the CommonJS form of a library that also has an ES
        // module.
        const { path } = await resolve(named(target), { kind: 'dynamic-import', resolveDir: root })
        return `  '${target}': () => require(${JSON.stringify(path)}),\n`
      })
      return {
        contents: `export const modules = {\n${(await Promise.all(lines)).join('')}}\n`,
        resolveDir: root,
      }
    })
  },
})
