import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { SeaConfig, SeaOptions } from '@yao-pkg/pkg/lib-es5/sea.js'
import { build } from 'esbuild'
import { baseNode, generators, type Platform, platforms, strippedNode } from './base-node.ts'
import { bundledPackages } from './bundled.ts'
import { buildChunks } from './chunks.ts'
import { buildConsole } from './console.ts'
import { factsOf, type ReleaseFile } from './manifest.ts'
import { type Different, programOptions } from './program.ts'
import { sbom } from './sbom.ts'

/**
 * Internal module of @yao-pkg/pkg, needed because pkg's command line lacks some of the options set below.
 * package.json pins the version of pkg, because internal modules can change in any version.
 */
const { default: sea } = createRequire(import.meta.url)('@yao-pkg/pkg/lib-es5/sea.js') as {
  default: (entry: string, options: SeaOptions) => Promise<void>
}

const MAIN = 'fomular-daemon.cjs'
const nameOf = ({ os, arch }: Platform) => `fomular-daemon-${os}-${arch}`

/**
 * Fills pkg's cache, so that pkg downloads nothing. An `.ok` file marks a download as checked; `baseNode` has
 * checked this download. Returns the tool that stripped the Node binary; undefined if no tool did.
 */
async function seed(home: string, { os, arch, node }: Platform): Promise<string | undefined> {
  const name = `node-v${node.version}-${os === 'macos' ? 'darwin' : os}-${arch}`
  const sea = join(home, '.pkg-cache/sea')
  mkdirSync(join(sea, name, 'bin'), { recursive: true })
  for (const path of [`${name}.tar.gz`, `${name}.tar.gz.ok`, `${name}/bin/node.ok`])
    writeFileSync(join(sea, path), '')
  return strippedNode(
    { os, arch, node, strip: platformOf(os, arch)?.strip ?? [] },
    join(sea, name, 'bin/node'),
  )
}

const platformOf = (os: string, arch: string) =>
  platforms.find((each) => each.os === os && each.arch === arch)

/** The code of an executable: the code that runs first, and the chunks by name. */
interface Code {
  main: string
  chunks: Map<string, string>
}

/** Builds the code that all executables contain. */
async function buildCode({ define, plugins = [] }: Different) {
  const inside = { FOMULAR_EXECUTABLE: 'true', FOMULAR_CHUNKS: 'undefined', ...define }
  const { files, metafile } = await buildChunks({ define: inside, plugins })
  const chunks = Object.entries(files).map(([path, text]) => [basename(path), text] as const)
  const needed = chunks.filter(([name]) => name.endsWith('.js') && !['index.js', 'loader.js'].includes(name))
  const { outputFiles } = await build({
    ...programOptions(true, { define: inside }),
    entryPoints: ['packaging/executable-main.ts'],
    format: 'cjs',
  })
  return { code: { main: outputFiles[0]!.text, chunks: new Map(needed) }, metafile }
}

/** Writes one executable. @returns the tool that stripped its Node binary; undefined if no tool did */
async function make(platform: Platform, { main, chunks }: Code, out: string): Promise<string | undefined> {
  const { os, arch, node } = platform
  const work = mkdtempSync(join(out, '.tmp-'))
  const before = { HOME: process.env.HOME, TMPDIR: process.env.TMPDIR }
  try {
    const tool = await seed(work, platform)
    const host = { os: 'linux', arch: process.arch === 'arm64' ? 'arm64' : 'x64' } as const
    const forHost = os === host.os && arch === host.arch
    if (!forHost && node.version !== process.versions.node)
      await seed(work, { ...host, node: generators[node.version]!, strip: [] })
    writeFileSync(join(work, MAIN), main)
    for (const [name, text] of chunks) writeFileSync(join(work, name), text)
    process.env.HOME = work
    process.env.TMPDIR = work
    const config = {
      // The path is relative to the folder that pkg creates in TMPDIR, because pkg writes it into the
      // executable.
      main: `../${MAIN}`,
      assets: Object.fromEntries([...chunks.keys()].map((name) => [name, join(work, name)])),
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      // A code cache saves a third of the startup time, but differs between builds, and Node warns if V8 rejects it.
      useCodeCache: false,
      // Ignore NODE_OPTIONS: users set it for other programs.
      execArgvExtension: 'none',
    } satisfies SeaConfig & { main: string; execArgvExtension: string }
    const output = join(work, nameOf(platform))
    await sea(join(work, MAIN), {
      seaConfig: config,
      signature: false,
      targets: [{ nodeRange: `node${node.version}`, platform: os, arch, output }],
    })
    chmodSync(output, 0o755)
    renameSync(output, join(out, nameOf(platform)))
    return tool
  } finally {
    for (const [name, value] of Object.entries(before))
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    rmSync(work, { recursive: true, force: true })
  }
}

/**
 * Returns the platforms with these names (`linux-x64`), or all platforms if no names are given.
 * @throws for an unknown name
 */
export function platformsNamed(names: string[]): Platform[] {
  const known = platforms.map(({ os, arch }) => `${os}-${arch}`)
  const strange = names.find((name) => !known.includes(name))
  if (strange !== undefined)
    throw new Error(`unknown platform ${strange}; the platforms are ${known.join(' ')}`)
  return platforms.filter(({ os, arch }) => names.length === 0 || names.includes(`${os}-${arch}`))
}

export interface Executable extends Platform {
  /** Name of the file; the compressed copy has `.gz` at its end. */
  name: string
}

/**
 * Makes executables that need no Node, a compressed copy of each, and an SBOM. Skips a platform whose base
 * Node is unavailable, and prints why.
 * @param out existing folder for the files
 * @param different options of the build, only for tests
 */
export async function makeExecutables(
  chosen: Platform[],
  out: string,
  different: Different = {},
): Promise<{ executables: Executable[]; files: ReleaseFile[] }> {
  const { code, metafile } = await buildCode(different)
  const executables: Executable[] = []
  const files: ReleaseFile[] = []
  for (const platform of chosen) {
    const name = nameOf(platform)
    const { os, arch, node } = platform
    try {
      await baseNode(node)
    } catch (error) {
      console.error(`skipped ${name}: its base Node is unavailable: ${(error as Error).message}`)
      continue
    }
    const stripped = await make(platform, code, out)
    const packed = gzipSync(readFileSync(join(out, name)), { level: 9 })
    writeFileSync(join(out, `${name}.gz`), packed)
    const facts = { os, arch, node: node.version, ...(stripped !== undefined && { stripped }) }
    for (const file of [name, `${name}.gz`]) files.push({ ...factsOf(out, file), ...facts })
    executables.push({ ...platform, name })
    const [whole = 0, small = 0] = files.slice(-2).map(({ size }) => size / 1e6)
    console.log(`${name}  ${whole.toFixed(1)} MB, compressed ${small.toFixed(1)} MB`)
    if (os === 'macos') console.log('  unsigned and untested: sign it on a Mac before running it')
  }
  writeFileSync(
    join(out, 'sbom.cdx.json'),
    sbom(bundledPackages([metafile, (await buildConsole()).metafile]), [
      ...new Set(executables.map(({ node }) => node.version)),
    ]),
  )
  files.push(factsOf(out, 'sbom.cdx.json'))
  return { executables, files }
}
