import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'
import { builtins } from './builtins.ts'
import { consoleFiles } from './console.ts'
import { root } from './root.ts'

export { root }

export const dist = join(root, 'dist')
/** Version of the program, which is defined only in package.json. */
export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }

export const common = {
  absWorkingDir: root,
  bundle: true,
  // The oldest supported version of Node.
  target: 'node18.19',
  // Identifiers stay unchanged, so that stack traces are readable.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  metafile: true,
  write: false,
} as const satisfies BuildOptions

/**
 * Leaves out pino's worker-thread transport, which would load a fifth of Node's own modules. This program
 * gives pino a stream instead.
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

/** Leaves out pg's clients for other platforms, which load native code. */
const pgAlone: Plugin = {
  name: 'pg-alone',
  setup({ onResolve }) {
    onResolve({ filter: /^(\.\/native|pg-native|pg-cloudflare)$/ }, ({ path, importer }) =>
      importer.includes('/node_modules/pg/') ? { path, namespace: 'unused' } : undefined,
    )
  },
}

/**
 * Leaves out debug: if `DEBUG` names https-proxy-agent, that package prints the proxy's address with its
 * password. debug would also load supports-color, which it does not declare, from any folder around the program.
 */
const withoutDebug: Plugin = {
  name: 'without-debug',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^debug$/ }, ({ path }) => ({ path, namespace: 'without-debug' }))
    const contents = 'module.exports = () => () => {}'
    onLoad({ filter: /./, namespace: 'without-debug' }, () => ({ contents }))
  },
}

const options = {
  ...common,
  entryPoints: ['src/main.ts'],
  platform: 'node',
  // Load built-in modules with require(), too, because an executable has no import().
  supported: { 'dynamic-import': false },
  // import.meta is used only in branches that the constants remove; `checkAlone` checks that no use is left.
  logOverride: { 'empty-import-meta': 'silent' },
} satisfies BuildOptions

const constants = () => ({
  FOMULAR_VERSION: JSON.stringify(version),
  FOMULAR_LAUNCH_SCRIPT: JSON.stringify(readFileSync(join(root, 'src/agents/process/launch.sh'), 'utf8')),
  FOMULAR_KEEP_SCRIPT: JSON.stringify(readFileSync(join(root, 'src/cli/container/keep.sh'), 'utf8')),
  // Only release.ts sets these variables.
  FOMULAR_RELEASE_KEYS: JSON.stringify(process.env.FOMULAR_RELEASE_KEYS ?? ''),
  FOMULAR_RELEASE_DATE: JSON.stringify(process.env.FOMULAR_RELEASE_DATE ?? ''),
  // Keeps ws from loading its optional native helpers from folders around the program.
  'process.env.WS_NO_BUFFER_UTIL': '"1"',
  'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
})

/** Build options that override or extend the default ones: constants and plugins. */
export type Different = Pick<BuildOptions, 'define' | 'plugins'>

/** Returns esbuild's options for the program. @param executable true for a program with Node inside */
export const programOptions = (executable: boolean, { define, plugins = [] }: Different) => ({
  ...options,
  plugins: [pinoAlone, pgAlone, withoutDebug, builtins, consoleFiles, ...plugins],
  define: { ...constants(), FOMULAR_EXECUTABLE: String(executable), ...define },
})

/**
 * Builds the program as one CommonJS file that needs only Node.
 * @param executable true for an executable, false for a script that a separate Node runs
 * @param different build options that tests override
 */
export async function buildProgram(
  { executable }: { executable: boolean },
  different: Different = {},
): Promise<{ code: Uint8Array; metafile: Metafile }> {
  const { outputFiles = [], metafile } = await build({
    ...programOptions(executable, different),
    outfile: 'dist/index.js',
    format: 'cjs',
  })
  const [main] = outputFiles
  if (!main || !metafile) throw new Error('esbuild returned no output')
  checkAlone(metafile, main.text)
  return { code: main.contents, metafile }
}

/** Checks that CommonJS code needs no packages or files, only Node. @throws Error */
export function checkAlone(metafile: Metafile, text: string) {
  if (text.includes('import_meta.'))
    throw new Error('the program uses import.meta, which a CommonJS file does not have')
  const outside = Object.values(metafile.outputs)
    .flatMap(({ imports }) => imports)
    .find(({ path, external }) => external && !isBuiltin(path))
  if (outside) throw new Error(`the program would load ${outside.path} from folders around it`)
}
