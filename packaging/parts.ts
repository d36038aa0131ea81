import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { STANZAS } from './apt.ts'
import type { Platform } from './base-node.ts'
import { changelog, hasChanges } from './changelog.ts'
import { type Deb, hasDpkg, packDeb } from './deb.ts'
import { type Executable, makeExecutables } from './executables.ts'
import { commit, factsOf, type ReleaseFile } from './manifest.ts'
import { fillExecutable, fillProgram, packFolder } from './npm-packages.ts'
import { root, version } from './program.ts'
import type { Signer } from './signature.ts'

/** The parts of a release that are made without the private release key. */
interface Parts {
  version: string
  commit: string
  /** Public release keys built into the program. */
  keys: readonly string[]
  files: ReleaseFile[]
}

const PARTS = 'parts.json'
/** Folder of the npm packages: it contains a folder for each package. */
const PACKAGES = 'packages'

export interface PartsOptions {
  chosen: Platform[]
  maintainer: string
  keys: readonly string[]
  /** Called if a part cannot be made. */
  incomplete(problem: string): void
}

/** Makes the executables, the Debian packages, and the content of the npm packages. Signs nothing. */
export async function makeParts(
  dir: string,
  { chosen, maintainer, keys, incomplete }: PartsOptions,
): Promise<void> {
  execFileSync(process.execPath, [join(root, 'packaging/bundle.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const { executables, files } = await makeExecutables(chosen, dir)
  if (executables.length < chosen.length) incomplete('Not every executable could be made.')
  const folder = (name: string) => {
    const path = join(dir, PACKAGES, name)
    mkdirSync(path, { recursive: true })
    return path
  }
  for (const executable of executables) await fillExecutable(folder(executable.name), executable, dir)
  fillProgram(folder('program'))
  const changes = changelog(version)
  if (!hasChanges(changes)) incomplete(`packaging/CHANGELOG.md lists no change for ${version}.`)
  writeFileSync(join(dir, 'CHANGELOG.md'), changes)
  if (!hasDpkg()) incomplete('dpkg-deb is not installed. Install it to make the Debian packages.')
  const debs = hasDpkg() ? await packDebs(executables, dir, changes, maintainer) : []
  for (const name of [...debs, 'CHANGELOG.md']) files.push(factsOf(dir, name))
  const parts: Parts = { version, commit: commit(), keys, files }
  writeFileSync(join(dir, PARTS), JSON.stringify(parts))
}

/**
 * Packs the npm packages of these parts, and deletes the files that only packing needs.
 * @param keys public keys that verify the release
 * @returns all files of the release
 * @throws if the parts belong to another release
 */
export async function packParts(dir: string, keys: readonly string[], key?: Signer): Promise<ReleaseFile[]> {
  const parts = JSON.parse(readFileSync(join(dir, PARTS), 'utf8')) as Parts
  if (parts.version !== version || parts.commit !== commit())
    throw new Error(`${dir} has the parts of version ${parts.version}, commit ${parts.commit}.`)
  if (parts.keys.join() !== keys.join())
    throw new Error(`The parts in ${dir} were built for other release keys.`)
  const files = [...parts.files]
  for (const name of readdirSync(join(dir, PACKAGES)).sort())
    files.push(factsOf(dir, await packFolder(join(dir, PACKAGES, name), dir, key)))
  for (const path of [PACKAGES, PARTS]) rmSync(join(dir, path), { recursive: true })
  return files
}

/** Makes the Debian packages. @returns their file names */
async function packDebs(
  executables: Executable[],
  dir: string,
  changes: string,
  maintainer: string,
): Promise<string[]> {
  const debs: Deb[] = []
  for (const executable of executables) {
    const deb = await packDeb(dir, executable, changes, maintainer)
    if (deb) debs.push(deb)
  }
  if (debs.length > 0)
    writeFileSync(join(dir, STANZAS), debs.map(({ name, stanza }) => stanza(`${version}/${name}`)).join('\n'))
  return debs.map(({ name }) => name)
}
