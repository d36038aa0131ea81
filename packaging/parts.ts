import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { STANZAS } from './apt.ts'
import type { Platform } from './base-node.ts'
import { changelog } from './changelog.ts'
import { type Deb, hasDpkg, packDeb } from './deb.ts'
import { type Executable, makeExecutables } from './executables.ts'
import { commit, factsOf, type ReleaseFile } from './manifest.ts'
import { fillExecutable, fillProgram, packFolder } from './npm-packages.ts'
import { root, version } from './program.ts'
import type { Signer } from './signature.ts'

/** All of a release that is made before its key is there. */
interface Parts {
  version: string
  commit: string
  /** Release keys that are built in. */
  keys: readonly string[]
  files: ReleaseFile[]
}

const PARTS = 'parts.json'
/** npm packages that are laid out, each in a folder. */
const PACKAGES = 'packages'

export interface PartsOptions {
  chosen: Platform[]
  maintainer: string
  keys: readonly string[]
  /** Called where not everything can be made. */
  incomplete(problem: string): void
}

/** Makes executables, Debian packages and what goes into the npm packages. Signs nothing. */
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
  writeFileSync(join(dir, 'CHANGELOG.md'), changes)
  if (!hasDpkg()) incomplete('dpkg-deb, which makes the packages for Debian, is not installed.')
  const debs = hasDpkg() ? await packDebs(executables, dir, changes, maintainer) : []
  for (const name of [...debs, 'CHANGELOG.md']) files.push(factsOf(dir, name))
  const parts: Parts = { version, commit: commit(), keys, files }
  writeFileSync(join(dir, PARTS), JSON.stringify(parts))
}

/**
 * Packs the npm packages of these parts, and deletes the files that only packing needed.
 * @param keys what those check the release with who have it
 * @returns all files of the release
 * @throws for parts of another release
 */
export async function packParts(dir: string, keys: readonly string[], key?: Signer): Promise<ReleaseFile[]> {
  const parts = JSON.parse(readFileSync(join(dir, PARTS), 'utf8')) as Parts
  if (parts.version !== version || parts.commit !== commit())
    throw new Error(`${dir} is of version ${parts.version}, commit ${parts.commit}.`)
  if (parts.keys.join() !== keys.join())
    throw new Error(`What is in ${dir} was built for other release keys.`)
  const files = [...parts.files]
  for (const name of readdirSync(join(dir, PACKAGES)).sort())
    files.push(factsOf(dir, await packFolder(join(dir, PACKAGES, name), dir, key)))
  for (const path of [PACKAGES, PARTS]) rmSync(join(dir, path), { recursive: true })
  return files
}

/** @returns the packages' names */
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
