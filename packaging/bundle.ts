/**
 * Builds `dist/`: the program, and the protocol package. `--sizes` prints the size of each part.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type BuildOptions, build, type Metafile } from 'esbuild'
import { program as commandLine } from '../src/cli/program.ts'
import { manPage } from '../src/cli/render/man-page.ts'
import { bundledPackages } from './bundled.ts'
import { buildChunks, type ProgramFiles } from './chunks.ts'
import { buildConsole } from './console.ts'
import { declarations } from './declarations.ts'
import { thirdPartyLicenses } from './licenses.ts'
import { openApi } from './openapi.ts'
import { common, dist, root, version } from './program.ts'
import { jsonSchema } from './schema.ts'

const protocol = (format: 'esm' | 'cjs', outfile: string): BuildOptions => ({
  ...common,
  entryPoints: ['src/protocol/index.ts'],
  outfile,
  platform: 'neutral',
  format,
})

/**
 * Replaces a file atomically, so that the old file stays intact if the build fails, and tests can use it
 * during a build.
 */
function put(path: string, content: string | Uint8Array, mode = 0o644) {
  const temp = `${path}.${process.pid}`
  writeFileSync(temp, content)
  chmodSync(temp, mode)
  renameSync(temp, path)
}

/** Writes the chunks first, then the file that loads them. Then removes the chunks of earlier builds. */
function putProgram(files: ProgramFiles) {
  const paths = Object.keys(files).sort((a, b) => Number(a === 'index.js') - Number(b === 'index.js'))
  for (const path of paths) {
    mkdirSync(dirname(join(dist, path)), { recursive: true })
    put(join(dist, path), files[path]!, path === 'index.js' ? 0o755 : 0o644)
  }
  const [folder = ''] = paths.map((path) => basename(dirname(path)))
  for (const name of readdirSync(join(dist, 'program')))
    if (name !== folder) rmSync(join(dist, 'program', name), { recursive: true, force: true })
}

function kilobytes(bytes: number) {
  return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`
}

/** Returns the packages and source folders in an output with their sizes, largest first. */
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

const program = await buildChunks()
const protocols = await Promise.all([
  build(protocol('esm', 'dist/protocol/index.mjs')),
  build(protocol('cjs', 'dist/protocol/index.cjs')),
])
const metafiles = [program.metafile, ...protocols.map(({ metafile }) => metafile!)]

putProgram(program.files)
for (const { outputFiles } of protocols) for (const file of outputFiles!) put(file.path, file.contents)
// Overrides `"type": "module"` of the package's own package.json.
put(join(dist, 'package.json'), '{ "type": "commonjs" }\n')
const types = declarations()
for (const kind of ['mts', 'cts']) put(join(dist, `protocol/index.d.${kind}`), types)
put(join(dist, 'protocol/README.md'), readFileSync(join(root, 'src/protocol/README.md')))
put(join(dist, 'protocol/schema.json'), `${JSON.stringify(jsonSchema(version), undefined, 2)}\n`)
put(join(dist, 'protocol/openapi.json'), `${JSON.stringify(openApi(version), undefined, 2)}\n`)
put(join(dist, 'fomular-daemon.1'), manPage(await commandLine(['--help'])))
const bundled = bundledPackages([...metafiles, (await buildConsole()).metafile])
put(join(dist, 'THIRD_PARTY_LICENSES.txt'), thirdPartyLicenses(bundled))

for (const [path, text] of Object.entries(program.files))
  if (path.endsWith('.js')) console.log(`dist/${path}  ${kilobytes(text.length)}`)
for (const metafile of metafiles) {
  for (const [path, { bytes }] of Object.entries(metafile.outputs))
    if (metafile !== program.metafile) console.log(`${path}  ${kilobytes(bytes)}`)
  if (process.argv.includes('--sizes'))
    for (const [name, bytes] of contributors(metafile)) console.log(`  ${name}  ${kilobytes(bytes)}`)
}
