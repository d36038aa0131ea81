/** Makes `dist/`: the program as one file, and the protocol for programs of others. `--sizes` tells what takes the room. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Metafile } from 'esbuild'
import { declarations } from './declarations.ts'
import { thirdPartyLicences } from './licences.ts'
import { jsonSchema } from './schema.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }

const common = {
  absWorkingDir: root,
  bundle: true,
  // The oldest Node that users may have.
  target: 'node18.19',
  // Whitespace and syntax only: names stay as they are, for stack traces that people can read.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  metafile: true,
  write: false,
} as const satisfies BuildOptions

/** The program. */
const program: BuildOptions = {
  ...common,
  entryPoints: ['src/main.ts'],
  outfile: 'dist/index.js',
  platform: 'node',
  // Starts some 15 ms sooner than an ES module; parts that are loaded with import() are initialised when first asked for.
  format: 'cjs',
  banner: { js: '#!/usr/bin/env node' },
  define: {
    FOMULAR_VERSION: JSON.stringify(version),
    FOMULAR_LAUNCH_SCRIPT: JSON.stringify(readFileSync(join(root, 'src/agents/launch.sh'), 'utf8')),
    // Native helpers of ws that nobody ships with a single file: it is not to look for them in folders around it.
    'process.env.WS_NO_BUFFER_UTIL': '"1"',
    'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
  },
  // It stands in branches that the definitions above make dead; it is checked below that none is left.
  logOverride: { 'empty-import-meta': 'silent' },
}

const protocol = (format: 'esm' | 'cjs', outfile: string): BuildOptions => ({
  ...common,
  entryPoints: ['src/protocol/index.ts'],
  outfile,
  platform: 'neutral',
  format,
})

/** In one step: a build that fails, or that somebody's tests run beside, leaves the last one whole. */
function put(path: string, content: string | Uint8Array, mode = 0o644) {
  const temp = `${path}.${process.pid}`
  writeFileSync(temp, content)
  chmodSync(temp, mode)
  renameSync(temp, path)
}

function kilobytes(bytes: number) {
  return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`
}

/** What takes the room in an output: packages, and this project's own folders. */
function contributors(metafile: Metafile): [string, number][] {
  const bytes = new Map<string, number>()
  for (const output of Object.values(metafile.outputs))
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const owner = /(?:.*node_modules\/((?:@[^/]+\/)?[^/]+)|src\/[^/]+)/.exec(input)
      const name = owner?.[1] ?? owner?.[0] ?? input
      bytes.set(name, (bytes.get(name) ?? 0) + bytesInOutput)
    }
  return [...bytes].sort(([, a], [, b]) => b - a)
}

mkdirSync(join(dist, 'protocol'), { recursive: true })

const built = await Promise.all([
  build(program),
  build(protocol('esm', 'dist/protocol/index.mjs')),
  build(protocol('cjs', 'dist/protocol/index.cjs')),
])

const [main] = built[0].outputFiles!
if (main!.text.includes('import_meta'))
  throw new Error('the program refers to import.meta, which a CommonJS file does not have')
for (const { outputFiles } of built)
  for (const file of outputFiles!) put(file.path, file.contents, file === main ? 0o755 : 0o644)
// The package's own package.json says "module".
put(join(dist, 'package.json'), '{ "type": "commonjs" }\n')
const types = declarations()
for (const kind of ['mts', 'cts']) put(join(dist, `protocol/index.d.${kind}`), types)
put(join(dist, 'protocol/README.md'), readFileSync(join(root, 'src/protocol/README.md')))
put(join(dist, 'protocol/schema.json'), `${JSON.stringify(jsonSchema(version), undefined, 2)}\n`)
const inputs = built.flatMap(({ metafile }) => Object.keys(metafile!.inputs))
put(join(dist, 'THIRD_PARTY_LICENSES.txt'), thirdPartyLicences(inputs))

for (const { metafile } of built) {
  for (const [path, { bytes }] of Object.entries(metafile!.outputs))
    console.log(`${path}  ${kilobytes(bytes)}`)
  if (process.argv.includes('--sizes'))
    for (const [name, bytes] of contributors(metafile!)) console.log(`  ${name}  ${kilobytes(bytes)}`)
}
