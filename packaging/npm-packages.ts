import {
  chmodSync,
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { execa } from 'execa'
import { MANIFEST, SIGNATURE } from '../src/update/manifest.ts'
import { baseNode } from './base-node.ts'
import type { Executable } from './executables.ts'
import { keyLists } from './keys.ts'
import { commit, factsOf, manifestText, sourceDateText } from './manifest.ts'
import { dist, root, version } from './program.ts'
import type { Signer } from './signature.ts'

/** Compressing 100 MB takes npm ten seconds. */
const PACK_MS = 5 * 60_000

interface PackageJson {
  name: string
  files: string[]
  repository?: unknown
  [field: string]: unknown
}

/** What vouches for a package, for npm to pack. */
const SIGNED_FILES = [MANIFEST, SIGNATURE, 'keys-*.txt', 'keys-*.txt.minisig']

/** Adds the signed manifest to a package's folder. A machine checks it before it runs the package: see src/update/manifest.ts. */
function signPackage(dir: string, name: string, key: Signer) {
  for (const list of keyLists()) writeFileSync(join(dir, list.name), list.text)
  const paths = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort()
  const files = paths.map((path) => factsOf(dir, path))
  const text = manifestText({ name, version, commit: commit(), date: sourceDateText(), files })
  writeFileSync(join(dir, MANIFEST), text)
  writeFileSync(join(dir, SIGNATURE), key.signature(Buffer.from(text), `${name} ${version}`))
}

const own = () => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as PackageJson

/** Where the sources are, as npm wants to know it before it takes a proof of where a package was built. */
const repository = () => {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: path } = process.env
  return server && path ? { repository: { type: 'git', url: `git+${server}/${path}.git` } } : {}
}

/**
 * Lays out the npm package: the program as one file, and the protocol. It has the same files as `npm pack` makes in a
 * clone; its package.json leaves out the fields that only development needs.
 */
export function fillProgram(dir: string) {
  const { scripts, devDependencies, ...rest } = own()
  for (const name of ['README.md', 'LICENSE', ...rest.files])
    cpSync(join(root, name), join(dir, name), { recursive: true })
  putJson(dir, { ...rest, ...repository() })
}

/** Lays out an executable for npm: what an executable updates itself from. @param folder has the executable */
export async function fillExecutable(
  dir: string,
  { name, os, arch, node }: Executable,
  folder: string,
): Promise<void> {
  const system = os === 'macos' ? 'darwin' : os
  const { name: program, license } = own()
  mkdirSync(join(dir, 'bin'), { recursive: true })
  const target = join(dir, 'bin/fomular-daemon')
  try {
    linkSync(join(folder, name), target)
  } catch {
    copyFileSync(join(folder, name), target)
  }
  chmodSync(target, 0o755)
  copyFileSync(join(root, 'LICENSE'), join(dir, 'LICENSE'))
  copyFileSync(join(dist, 'THIRD_PARTY_LICENSES.txt'), join(dir, 'THIRD_PARTY_LICENSES.txt'))
  copyFileSync(join(await baseNode(node), '../../LICENSE'), join(dir, 'NODE_LICENSE.txt'))
  writeFileSync(join(dir, 'README.md'), readme(program, `${system}-${arch}`, node.version))
  putJson(dir, {
    name: `${program}-${system}-${arch}`,
    version,
    description: `${program} as an executable for ${system}-${arch}, with Node inside.`,
    license,
    os: [system],
    cpu: [arch],
    ...(system === 'linux' && { libc: ['glibc'] }),
    bin: { 'fomular-daemon': 'bin/fomular-daemon' },
    files: ['bin', '*.txt'],
    ...repository(),
  })
}

const readme = (program: string, platform: string, node: string) => `# ${program}-${platform}

[${program}](https://www.npmjs.com/package/${program}) as an executable that needs no Node: Node ${node} is inside. Executables
that were installed with install.sh update themselves from here. To install with npm, take ${program}: it is smaller.
`

const putJson = (dir: string, json: PackageJson) =>
  writeFileSync(join(dir, 'package.json'), `${JSON.stringify(json, undefined, 2)}\n`)

/**
 * Packs a package that is laid out.
 * @param out where it goes
 * @param key private key that signs the manifest
 * @returns its file's name
 */
export async function packFolder(dir: string, out: string, key?: Signer): Promise<string> {
  const json = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as PackageJson
  if (key) {
    putJson(dir, { ...json, files: [...json.files, ...SIGNED_FILES] })
    signPackage(dir, json.name, key)
  }
  await execa('npm', ['pack', '--pack-destination', out, '--ignore-scripts', '--silent'], {
    cwd: dir,
    timeout: PACK_MS,
  })
  return `${json.name.replace('@', '').replace('/', '-')}-${version}.tgz`
}

/** Packs the npm package. @param out where it goes. @returns its file's name */
export async function packProgram(out: string, key?: Signer): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'fomular-pack-'))
  try {
    fillProgram(dir)
    return await packFolder(dir, out, key)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
