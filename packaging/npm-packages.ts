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
import { basename, join, relative } from 'node:path'
import { execa } from 'execa'
import { COMPILE_CACHE } from '../src/platform/chunks.ts'
import { MANIFEST, SIGNATURE } from '../src/update/fetch/manifest.ts'
import { baseNode } from './base-node.ts'
import type { Executable } from './executables.ts'
import { keyLists } from './keys.ts'
import { commit, factsOf, manifestText, sourceDateText } from './manifest.ts'
import { dist, root, version } from './program.ts'
import type { Signer } from './signature.ts'

/** Timeout of `npm pack`, in milliseconds. `npm pack` takes 10 s to compress 100 MB. */
const PACK_MS = 5 * 60_000

interface PackageJson {
  name: string
  files: string[]
  repository?: unknown
  [field: string]: unknown
}

/** The files that prove a package's origin, as patterns for npm's field `files`. */
const SIGNED_FILES = [MANIFEST, SIGNATURE, 'keys-*.txt', 'keys-*.txt.minisig']

/**
 * Adds the signed manifest to a package's folder. An update verifies the manifest before it runs the package.
 */
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

/** Returns the address of the repository, which npm requires for provenance. */
const repository = () => {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: path } = process.env
  return server && path ? { repository: { type: 'git', url: `git+${server}/${path}.git` } } : {}
}

/**
 * Fills a folder with the npm package: the program and the protocol. The folder gets the same files that `npm
 * pack` packs in a clone. Its package.json lacks the fields that only development needs.
 */
export function fillProgram(dir: string) {
  const { scripts, devDependencies, devEngines, ...rest } = own()
  // Names that begin with `!` exclude files that the program creates when it runs in this clone.
  const names = rest.files.filter((name) => !name.startsWith('!'))
  const filter = (path: string) => basename(path) !== COMPILE_CACHE
  for (const name of ['README.md', 'LICENSE', ...names])
    cpSync(join(root, name), join(dir, name), { recursive: true, filter })
  putJson(dir, { ...rest, ...repository() })
}

/**
 * Fills a folder with the npm package from which an executable updates itself.
 * @param folder folder that contains the executable
 */
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

[${program}](https://www.npmjs.com/package/${program}) as an executable that includes Node ${node}. Executables
installed with install.sh update themselves from this package. To install with npm, use ${program}: it is smaller.
`

const putJson = (dir: string, json: PackageJson) =>
  writeFileSync(join(dir, 'package.json'), `${JSON.stringify(json, undefined, 2)}\n`)

/**
 * Packs the npm package in a folder.
 * @param out folder for the file
 * @param key private key that signs the manifest
 * @returns the file's name
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

/** Packs the program's npm package. @param out folder for the file @returns the file's name */
export async function packProgram(out: string, key?: Signer): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'fomular-pack-'))
  try {
    fillProgram(dir)
    return await packFolder(dir, out, key)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
