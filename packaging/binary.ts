/**
 * Makes `dist/bin/`: the program as executables that need no Node, compressed as well, with what they are made of.
 * Names of platforms (`linux-x64`) as arguments limit it to those.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { SeaConfig, SeaOptions } from '@yao-pkg/pkg/lib-es5/sea.js'
import { baseNode, generators, type Platform, platforms, strippedNode } from './base-node.ts'
import { manifestText, type ReleaseFile } from './manifest.ts'
import { buildProgram, dist, root, version } from './program.ts'
import { sbom } from './sbom.ts'

/** Inner part of @yao-pkg/pkg, whose version is therefore exact: its command line does not pass on all that is set below. */
const { default: sea } = createRequire(import.meta.url)('@yao-pkg/pkg/lib-es5/sea.js') as {
  default: (entry: string, options: SeaOptions) => Promise<void>
}

const MAIN = 'fomular-daemon.cjs'
const out = join(dist, 'bin')
export const nameOf = ({ os, arch }: Platform) => `fomular-daemon-${os}-${arch}`

/** Where pkg looks for what it would download otherwise. Its `.ok` files vouch for what `baseNode` has checked. */
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

/** @returns what stripped it, if anything did */
async function make(platform: Platform, code: Uint8Array): Promise<string | undefined> {
  const { os, arch, node } = platform
  const work = mkdtempSync(join(out, '.tmp-'))
  const before = { HOME: process.env.HOME, TMPDIR: process.env.TMPDIR }
  try {
    const tool = await seed(work, platform)
    const host = { os: 'linux', arch: process.arch === 'arm64' ? 'arm64' : 'x64' } as const
    const forHost = os === host.os && arch === host.arch
    if (!forHost && node.version !== process.versions.node)
      await seed(work, { ...host, node: generators[node.version]!, strip: [] })
    writeFileSync(join(work, MAIN), code)
    process.env.HOME = work
    process.env.TMPDIR = work
    const config = {
      // From the folder of its own that pkg makes in TMPDIR: this text ends up in the executable.
      main: `../${MAIN}`,
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      // It would save a third of the start, but differs from build to build, and where V8 does not take it, Node warns.
      useCodeCache: false,
      // NODE_OPTIONS are for other programs of the same user.
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
    Object.assign(process.env, before)
    rmSync(work, { recursive: true, force: true })
  }
}

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')

function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
    return (
      git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? '-modified' : '')
    )
  } catch {
    return 'unknown'
  }
}

const wanted = process.argv.slice(2)
const chosen = platforms.filter(({ os, arch }) => wanted.length === 0 || wanted.includes(`${os}-${arch}`))
if (chosen.length === 0)
  throw new Error(`known platforms: ${platforms.map(({ os, arch }) => `${os}-${arch}`).join(' ')}`)
rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
const { code, metafile } = await buildProgram({ executable: true })
const files: ReleaseFile[] = []
for (const platform of chosen) {
  const name = nameOf(platform)
  const { os, arch, node } = platform
  try {
    await baseNode(node)
  } catch (error) {
    console.error(`${name} skipped: its base Node cannot be had: ${(error as Error).message}`)
    continue
  }
  const stripped = await make(platform, code)
  const data = readFileSync(join(out, name))
  const packed = gzipSync(data, { level: 9 })
  writeFileSync(join(out, `${name}.gz`), packed)
  const facts = { os, arch, node: node.version, ...(stripped !== undefined && { stripped }) }
  files.push({ name, size: data.length, sha256: sha256(data), ...facts })
  files.push({ name: `${name}.gz`, size: packed.length, sha256: sha256(packed), ...facts })
  console.log(
    `${name}  ${(data.length / 1e6).toFixed(1)} MB, compressed ${(packed.length / 1e6).toFixed(1)} MB`,
  )
  if (os === 'macos') console.log('  unsigned and untested: sign it on a Mac before it is run there')
}
const bom = Buffer.from(sbom(metafile, [...new Set(files.map(({ node }) => node!))]))
writeFileSync(join(out, 'sbom.cdx.json'), bom)
files.push({ name: 'sbom.cdx.json', size: bom.length, sha256: sha256(bom) })
writeFileSync(join(out, 'manifest.json'), manifestText({ version, commit: commit(), files }))
