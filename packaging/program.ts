import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const dist = join(root, 'dist')
/** The one place that says which version this is. */
export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }

export const common = {
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

/**
 * pino loads a fifth of Node for the case that it writes from a thread of its own. Here it is given what it writes to.
 */
const pinoAlone: Plugin = {
  name: 'pino-alone',
  setup({ onResolve, onLoad }) {
    const unused = /^(sonic-boom|worker_threads|\.\/transport|\.\/lib\/transport)$/
    onResolve({ filter: unused }, ({ path, importer }) =>
      importer.includes('/node_modules/pino/') ? { path, namespace: 'unused' } : undefined,
    )
    const contents = 'module.exports = class {}; module.exports.isMainThread = true'
    onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents }))
  },
}

/** What packages try to load without naming it as a dependency: it would come from whatever folder around the program has it. */
const unnamed: Plugin = {
  name: 'unnamed',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^supports-color$/ }, ({ path }) => ({ path, namespace: 'unnamed' }))
    onLoad({ filter: /./, namespace: 'unnamed' }, () => ({ contents: '' }))
  },
}

const program = {
  ...common,
  entryPoints: ['src/main.ts'],
  outfile: 'dist/index.js',
  platform: 'node',
  plugins: [pinoAlone, unnamed],
  // Starts some 15 ms sooner than an ES module; parts that are loaded with import() are initialised when first asked for.
  format: 'cjs',
  // Node's own parts, too, come by require(): what is run from a text has no import() of its own.
  supported: { 'dynamic-import': false },
  define: {
    FOMULAR_VERSION: JSON.stringify(version),
    FOMULAR_LAUNCH_SCRIPT: JSON.stringify(readFileSync(join(root, 'src/agents/launch.sh'), 'utf8')),
    FOMULAR_KEEP_SCRIPT: JSON.stringify(readFileSync(join(root, 'src/cli/container/keep.sh'), 'utf8')),
    // Native helpers of ws that nobody ships with a single file: it is not to look for them in folders around it.
    'process.env.WS_NO_BUFFER_UTIL': '"1"',
    'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
  },
  // It stands in branches that the definitions above make dead; it is checked below that none is left.
  logOverride: { 'empty-import-meta': 'silent' },
} satisfies BuildOptions

/**
 * The program as one CommonJS file, which needs Node and nothing else.
 * @param executable for the inside of an executable, or for a Node that is told to run it
 * @param different for tests: what else is built differently
 */
export async function buildProgram(
  { executable }: { executable: boolean },
  different: Pick<BuildOptions, 'define' | 'plugins'> = {},
): Promise<{ code: Uint8Array; metafile: Metafile }> {
  const { outputFiles = [], metafile } = await build({
    ...program,
    ...different,
    plugins: [...program.plugins, ...(different.plugins ?? [])],
    define: {
      ...program.define,
      FOMULAR_EXECUTABLE: String(executable),
      // Set by release.ts: any other build has none.
      FOMULAR_RELEASE_KEYS: JSON.stringify(process.env.FOMULAR_RELEASE_KEYS ?? ''),
      FOMULAR_RELEASE_DATE: JSON.stringify(process.env.FOMULAR_RELEASE_DATE ?? ''),
      ...different.define,
    },
  })
  const [main] = outputFiles
  if (!main || !metafile) throw new Error('esbuild gave nothing')
  if (main.text.includes('import_meta'))
    throw new Error('the program refers to import.meta, which a CommonJS file does not have')
  const outside = Object.values(metafile.outputs)
    .flatMap(({ imports }) => imports)
    .find(({ path, external }) => external && !isBuiltin(path))
  if (outside) throw new Error(`the program would load ${outside.path} from folders around it`)
  return { code: main.contents, metafile }
}

/** The program as `dist/index.js`: in what keeps its compiled form. */
export async function wrapProgram(code: Uint8Array): Promise<Uint8Array> {
  const { outputFiles = [] } = await build({
    ...common,
    entryPoints: ['packaging/start.ts'],
    platform: 'node',
    format: 'cjs',
    banner: { js: '#!/usr/bin/env node' },
    define: { BUILD: JSON.stringify(createHash('sha256').update(code).digest('hex')) },
  })
  const text = Buffer.from(code).toString()
  // Whatever else ends a line would end a comment, too.
  if (/[^\n\x20-\x7e\t]/.test(text)) throw new Error('the program has characters that a comment cannot hold')
  const lines = text.replaceAll('\n', '\n//')
  return Buffer.from(`${outputFiles[0]!.text}function program(){\n//${lines}\n}\n`)
}
