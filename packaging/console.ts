import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, extname, join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, type BuildResult, build, type Metafile, type Plugin } from 'esbuild'
import { root } from './root.ts'

/** A file of the console, as the hub serves it. */
export interface ConsoleFile {
  type: string
  /** The file compressed with gzip, in base64. */
  gzip: string
  /** Hash of the file, for its `ETag`. */
  hash: string
}

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
}

/** Folder of the scripts and styles in the hub's address, whose names contain their hashes. */
const ASSETS = 'assets'

/** The script of the page. */
const MAIN = 'src/console/main.tsx'
/** The script that asks the hub for the first data. */
const EARLY = 'src/console/session/early.ts'
const AGENT_PAGE = 'src/console/agent/agent-page.tsx'
/** Modules that an agent's page loads at once, in addition to `MAIN`. */
const AGENT_PAGE_PARTS = [AGENT_PAGE, 'src/protocol/event-page.ts']

const options = {
  absWorkingDir: root,
  entryPoints: { console: MAIN, early: EARLY },
  outdir: ASSETS,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: ['es2022', 'safari16.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: true,
  legalComments: 'none',
  metafile: true,
  write: false,
} as const satisfies BuildOptions

type Built = BuildResult<{ write: false; metafile: true }>

const WORKER = /^worker:/

/** Builds the modules that are imported as `worker:FILE`. Such an import is the path of a script for a worker. */
function workers(built: Built[]): Plugin {
  return {
    name: 'workers',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: WORKER }, ({ path, resolveDir }) => ({
        // Relative, because the names of the chunks depend on this path.
        path: relative(root, join(resolveDir, path.replace(WORKER, ''))),
        namespace: 'worker',
      }))
      onLoad({ filter: /./, namespace: 'worker' }, async ({ path }) => {
        const result = await build({ ...options, entryPoints: [path], format: 'iife' })
        built.push(result)
        return { contents: `export default '${ASSETS}/${basename(result.outputFiles[0]!.path)}'` }
      })
    },
  }
}

/** Leaves out the code that compiles schemas. The console's pages forbid code made from text, so they never compile. */
const withoutCompiler: Plugin = {
  name: 'without-compiler',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/protocol\/compile-schema\.ts$/ }, () => ({
      contents: 'export const compileSchema = (schema) => schema',
    }))
  },
}

/** Folders whose modules load something only on the page of an agent or of its changes. */
const OF_AGENT = /\/src\/(client|console\/(agent|changes|parts))\//

/**
 * Makes every module that is loaded later refer to the first script, and the parts of an agent's page to that page.
 * Otherwise, esbuild would divide these scripts into a chunk for each set of scripts that share some of their modules,
 * and a browser takes longer to ask for many small chunks than to load them.
 */
const afterMain: Plugin = {
  name: 'after-main',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /./ }, async ({ kind, path, ...from }) => {
      if (kind !== 'dynamic-import') return undefined
      const { path: module } = await resolve(path, { kind: 'import-statement', ...from })
      const needed = OF_AGENT.test(from.importer) ? [MAIN, AGENT_PAGE] : [MAIN]
      return { path: relative(root, module), namespace: 'later', pluginData: needed }
    })
    onLoad({ filter: /./, namespace: 'later' }, ({ path, pluginData: needed }) => ({
      contents: [
        ...(needed as string[]).map((module) => `import ${JSON.stringify(`./${module}`)}`),
        `export * from ${JSON.stringify(`./${path}`)}`,
      ].join('\n'),
      resolveDir: root,
    }))
  },
}

/** Builds the console. @returns the files by their paths, relative to the address of the console */
export async function buildConsole(): Promise<{ files: Record<string, ConsoleFile>; metafile: Metafile }> {
  const scripts: Built[] = []
  const plugins = [workers(scripts), withoutCompiler]
  scripts.push(
    await build({
      ...options,
      splitting: true,
      loader: { '.css': 'empty' },
      plugins: [...plugins, afterMain],
    }),
  )
  // One file contains all styles, because a part of the code that is loaded later does not load its styles.
  const { outputFiles: styled } = await build({ ...options, plugins: [workers([])] })
  const styles = styled.filter(({ path }) => path.endsWith('.css'))
  const { outputFiles: service } = await build({
    ...options,
    entryPoints: { worker: 'src/console/worker/worker.ts' },
    entryNames: '[name]',
    format: 'iife',
    plugins: [withoutCompiler],
  })
  const files: Record<string, ConsoleFile> = {}
  const put = (path: string, content: Uint8Array) => {
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 16)
    const type = TYPES[extname(path)]
    if (type === undefined) throw new Error(`the type of ${path} is unknown`)
    files[path] = { type, gzip: gzipSync(content, { level: 9 }).toString('base64'), hash }
  }
  for (const { path, contents } of [...scripts.flatMap(({ outputFiles }) => outputFiles), ...styles])
    put(`${ASSETS}/${basename(path)}`, contents)
  const metafiles = scripts.map(({ metafile }) => metafile)
  const whole: Metafile = {
    inputs: Object.assign({}, ...metafiles.map(({ inputs }) => inputs)),
    outputs: Object.assign({}, ...metafiles.map(({ outputs }) => outputs)),
  }
  const style = Object.keys(files).find((path) => path.endsWith('.css'))
  if (style === undefined) throw new Error('the console has no style')
  const [main, early] = [chunkOf(MAIN, whole), chunkOf(EARLY, whole)]
  const agentPage = new Set(AGENT_PAGE_PARTS.flatMap((module) => [...scriptsFor(module, whole)]))
  const texts = {
    AGENT_PAGE: [...agentPage].filter((path) => path !== main && path !== early).join(' '),
    STYLE: style,
    EARLY: early,
    MAIN: main,
  }
  const page = readFileSync(join(root, 'src/console/index.html'), 'utf8')
  put(
    'index.html',
    Buffer.from(page.replace(/"([A-Z_]+)"/g, (_, name: keyof typeof texts) => `"${texts[name]}"`)),
  )
  // A worker replaces its earlier version only if both have the same name.
  for (const { path, contents } of service) put(basename(path), contents)
  for (const name of ['icon.svg', 'icon-192.png', 'icon-512.png', 'manifest.webmanifest'])
    put(name, readFileSync(join(root, 'src/console', name)))
  return { files, metafile: whole }
}

/** Returns the chunk that contains a module. */
function chunkOf(module: string, { outputs }: Metafile): string {
  const found = Object.entries(outputs).find(([, { inputs }]) => module in inputs)
  if (!found) throw new Error(`the console has no module ${module}`)
  return found[0]
}

/** Returns the scripts that a browser needs for a module that is loaded later. */
function scriptsFor(module: string, { outputs }: Metafile): Set<string> {
  const entry = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === `later:${module}`)
  if (!entry) throw new Error(`the console does not load ${module} later`)
  const found = new Set([entry[0]])
  for (const script of found)
    for (const { path, kind } of outputs[script]!.imports) if (kind === 'import-statement') found.add(path)
  return found
}

/** Returns an expression for a string, in lines that editors can show. */
const wrapped = (text: string) => `[${text.replace(/.{1,1000}/g, "\n    '$&',")}].join('')`

/** Puts the console's files into the program, as the module `console:files`. */
export const consoleFiles: Plugin = {
  name: 'console-files',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^console:files$/ }, () => ({ path: 'console', namespace: 'console' }))
    onLoad({ filter: /./, namespace: 'console' }, async () => {
      const { files } = await buildConsole()
      const entries = Object.entries(files).map(
        ([path, { type, gzip, hash }]) =>
          `  '${path}': { type: '${type}', hash: '${hash}', gzip: ${wrapped(gzip)} },\n`,
      )
      return { contents: `export const files = {\n${entries.join('')}}\n` }
    })
  },
}
