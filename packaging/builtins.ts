import { createRequire } from 'node:module'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'esbuild'

const load = createRequire(import.meta.url)
const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Modules of Node that take several milliseconds to load, and that Node has not loaded yet when the program
 * starts.
 */
const SLOW = /^(node:)?(child_process|crypto|dgram|dns|http|http2|https|net|readline|stream|tls|zlib)$/
/** Importers to change, relative to the top folder. Libraries such as execa use Node's modules at once. */
const IMPORTERS = /^(src|node_modules\/(commander|@hono\/node-server))\//

/**
 * Loads each of Node's slow modules when the program first uses one of its exports, and not when a module that
 * imports it is loaded.
 */
export const builtins: Plugin = {
  name: 'builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: SLOW }, ({ path, kind, importer }) =>
      kind !== 'dynamic-import' && IMPORTERS.test(relative(root, importer))
        ? { path, namespace: 'builtin' }
        : undefined,
    )
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => {
      const names = Object.keys(load(path))
      const getters = names.map((name) => `  get ${name}() { return load().${name} },\n`)
      const loaded = `let loaded\nconst load = () => (loaded ??= require('${path}'))\n`
      return { contents: `${loaded}module.exports = {\n${getters.join('')}}\n` }
    })
  },
}
