import { basename } from 'node:path'
import { build, type Metafile, transform } from 'esbuild'
import { programHash } from '../src/update/fetch/program-hash.ts'
import { checkAlone, common, type Different, programOptions, root } from './program.ts'
import { rooms } from './rooms.ts'

/** Options for code that people read. */
const readable = { minifySyntax: false, minifyWhitespace: false } as const

/**
 * Names of the chunks that several rooms share. Each key lists the names of these rooms. A room is a part of
 * the program that is loaded when it is needed: see `rooms.ts`. No name may follow `main` in alphabetical
 * order. An earlier version copies the chunks in this order, and `index.js` uses a folder as soon as the folder
 * contains `main.js`.
 */
const SHARED: Record<string, string> = {
  'client commands daemon main': 'command-line',
  'client commands daemon': 'core',
  'client commands': 'hub-commands',
  'commands daemon main': 'common',
  'commands daemon': 'local',
  'daemon main': 'hub-options',
}

/** Matches a line that is a comment or a part of a comment. */
const COMMENT = /^\s*(\/\/|\/?\*).*$/gm

/**
 * Output folder for esbuild. It is as deep as the chunks' real folder, so that paths in source maps are
 * right.
 */
const CHUNKS = 'dist/program/chunks'

/** Files of the program, by their paths below `dist/`. */
export type ProgramFiles = Record<string, string>

/**
 * Builds the program of the npm package: a small `index.js`, the chunks that it loads when it needs them, and
 * their source maps. The name of the chunks' folder is the hash of the chunks. The files of two versions can
 * therefore be in one package, and `self-check` notices a damaged file.
 * @param different the build options that tests override
 */
export async function buildChunks(
  different: Different = {},
): Promise<{ files: ProgramFiles; metafile: Metafile }> {
  const options = programOptions(false, {
    ...different,
    define: { FOMULAR_CHUNKS: '__dirname', ...different.define },
    plugins: [rooms(root), ...(different.plugins ?? [])],
  })
  const { outputFiles = [], metafile } = await build({
    ...options,
    ...readable,
    outdir: CHUNKS,
    format: 'esm',
    splitting: true,
    sourcemap: 'external',
    sourcesContent: false,
  })
  if (!metafile) throw new Error('esbuild returned no metafile')
  const names = chunkNames(metafile)
  const chunks: ProgramFiles = {}
  for (const file of outputFiles.filter(({ path }) => path.endsWith('.js'))) {
    const map = outputFiles.find(({ path }) => path === `${file.path}.map`)!
    const name = names.get(basename(file.path))!
    const text = [...names].reduce((text, [from, to]) => text.replaceAll(from, to), file.text)
    const { code, map: ownMap } = await toCommonJs(text, map.text, name)
    // Check the minified code: without minification, the code still has branches that can never run.
    checkAlone(metafile, (await transform(code, { minifySyntax: true })).code)
    chunks[name] = `${oneByte(code.replaceAll(KEPT, '//'))}//# sourceMappingURL=${name}.map\n`
    chunks[`${name}.map`] = ownMap
  }
  for (const { path, text } of await loader()) chunks[basename(path)] = text
  const folder = `program/${programHash(chunks)}`
  const files = Object.entries(chunks).map(([name, text]) => [`${folder}/${name}`, text])
  const { FOMULAR_VERSION } = options.define
  return { files: { 'index.js': entry(folder, FOMULAR_VERSION), ...Object.fromEntries(files) }, metafile }
}

/** Returns the final names of the chunks, by their names in esbuild's output. */
function chunkNames({ outputs }: Metafile): Map<string, string> {
  const users = new Map<string, Set<string>>()
  const note = (path: string, user: string) => {
    users.set(path, (users.get(path) ?? new Set()).add(user))
    for (const { kind, path: next } of outputs[path]!.imports)
      if (kind === 'import-statement' && outputs[next]) note(next, user)
  }
  const entries = Object.entries(outputs).filter(([, { entryPoint }]) => entryPoint !== undefined)
  const nameOf = (path: string) => basename(path).replace(/(-[A-Z0-9]{8})?\.js$/, '')
  for (const [path] of entries) note(path, nameOf(path))
  const rooms = entries.map(([path]) => nameOf(path)).filter((name) => !name.startsWith('library-'))
  const named = [...users].map(([path, by]) => {
    if (outputs[path]!.entryPoint !== undefined) return [path, nameOf(path)]
    // esbuild's own functions.
    if (Object.keys(outputs[path]!.inputs).length === 0) return [path, 'helpers']
    // The code of a library that some modules import when they load, and other modules only when they need
    // it.
    const library = [...by].find((user) => user.startsWith('library-'))
    if (library !== undefined) return [path, `${library}-code`]
    const sharers = rooms.filter((room) => by.has(room)).sort()
    return [path, SHARED[sharers.join(' ')] ?? `common-${sharers.join('-')}`]
  })
  if (new Set(named.map(([, name]) => name)).size < named.length)
    throw new Error(`several chunks have the same name: ${named.map(([, name]) => name).sort()}`)
  return new Map(named.map(([path = '', name]) => [basename(path), `${name}.js`]))
}

/** Beginning of a comment that esbuild takes for a license text, and keeps when it converts a chunk. */
const KEPT = '//! of '
/** A comment that esbuild writes before the code of a module. */
const MODULE = /^\/\/(?= (src|node_modules)\/)/gm

/**
 * Converts a chunk from an ES module to CommonJS. esbuild can split only ES modules, but a CommonJS program
 * starts sooner.
 */
function toCommonJs(code: string, map: string, name: string) {
  const inline = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`
  return transform(`${code.replace(MODULE, KEPT)}\n${inline}\n`, {
    ...readable,
    legalComments: 'inline',
    format: 'cjs',
    platform: 'node',
    target: common.target,
    sourcemap: 'external',
    sourcesContent: false,
    sourcefile: name,
  })
}

/**
 * Returns the code of a chunk in ASCII, because V8 keeps any other text with two bytes for each character.
 * esbuild escapes other characters in strings, but not in comments and regular expressions.
 * @throws Error if a character beyond ASCII is outside of the comments
 */
function oneByte(code: string): string {
  const ascii = code.replace(COMMENT, (line) =>
    line
      .replaceAll('…', '...')
      .replaceAll('→', '->')
      .replaceAll('—', '--')
      .replace(/[^\x00-\x7f]/g, '?'),
  )
  const [other] = /^.*[^\x00-\x7f].*$/m.exec(ascii) ?? []
  if (other !== undefined) throw new Error(`The program has a character beyond ASCII: ${other.trim()}`)
  return ascii
}

/** Builds `loader.js`, the file that runs first, and its source map. */
async function loader() {
  const { outputFiles } = await build({
    ...common,
    ...readable,
    entryPoints: ['packaging/loader.ts'],
    outdir: CHUNKS,
    platform: 'node',
    format: 'cjs',
    sourcemap: 'linked',
    sourcesContent: false,
  })
  return outputFiles
}

/**
 * Returns `index.js`. It answers `--version` without the chunks. When a version without chunks updates its
 * package, it replaces this file first. Until that version has also put the chunks in place, they are only in
 * the folder with the unpacked update.
 */
const entry = (folder: string, version: string) => `#!/usr/bin/env node
const version = ${version}
const folder = '${folder}'
if (process.argv.length === 3 && process.argv[2] === '--version') console.log(version)
else {
  const { existsSync } = require('node:fs')
  const folders = [\`./\${folder}\`, \`../.update/\${version}/dist/\${folder}\`]
  const program = folders.find((path) => existsSync(\`\${__dirname}/\${path}/main.js\`)) ?? folders[0]
  require(\`\${program}/loader.js\`)
}
`
