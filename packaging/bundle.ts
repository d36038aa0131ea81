/** Makes `dist/`: the program as one file, and the protocol for programs of others. `--sizes` tells what takes the room. */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
  write: true,
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
  // It stands in branches that the definitions above make dead; `assertNoImportMeta` makes sure of that.
  logOverride: { 'empty-import-meta': 'silent' },
}

const protocol = (format: 'esm' | 'cjs', outfile: string): BuildOptions => ({
  ...common,
  entryPoints: ['src/protocol/index.ts'],
  outfile,
  platform: 'neutral',
  format,
})

function assertNoImportMeta(path: string) {
  const at = readFileSync(path, 'utf8').indexOf('import_meta')
  if (at !== -1) throw new Error(`${path} refers to import.meta, which a CommonJS file does not have`)
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

rmSync(dist, { recursive: true, force: true })
mkdirSync(join(dist, 'protocol'), { recursive: true })

const built = await Promise.all([
  build(program),
  build(protocol('esm', 'dist/protocol/index.mjs')),
  build(protocol('cjs', 'dist/protocol/index.cjs')),
])

assertNoImportMeta(join(dist, 'index.js'))
chmodSync(join(dist, 'index.js'), 0o755)
// The package's own package.json says "module".
writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n')
writeFileSync(join(dist, 'protocol/index.d.ts'), declarations())
writeFileSync(join(dist, 'protocol/schema.json'), `${JSON.stringify(jsonSchema(version), undefined, 2)}\n`)
const inputs = built.flatMap(({ metafile }) => Object.keys(metafile!.inputs))
writeFileSync(join(dist, 'THIRD_PARTY_LICENSES.txt'), thirdPartyLicences(inputs))

for (const { metafile } of built) {
  for (const [path, { bytes }] of Object.entries(metafile!.outputs))
    console.log(`${path}  ${kilobytes(bytes)}`)
  if (process.argv.includes('--sizes'))
    for (const [name, bytes] of contributors(metafile!)) console.log(`  ${name}  ${kilobytes(bytes)}`)
}
