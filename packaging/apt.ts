import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { prerelease, valid } from 'semver'
import type { AptSigner } from './openpgp.ts'

/** Name of the file, in the folder of a version, that describes the version's packages to apt. */
export const STANZAS = 'Packages'
/** Folders for apt, each with a filter for its versions. */
const SUITES = {
  apt: (version: string) => prerelease(version) === null,
  'apt-next': () => true,
} as const

/**
 * Makes the release folder an apt repository: `deb URL apt/` has all releases, and `deb URL apt-next/` also
 * has prereleases. Replaces each file atomically, the signed file last.
 * @param date of the newest release
 * @param expires date from which apt refuses the index. By default, the index never expires: web servers and
 *   hubs cannot sign it again, and serve a release folder unchanged until the next release
 */
export async function makeRepository(
  out: string,
  signer: AptSigner,
  date: Date,
  expires?: Date,
): Promise<void> {
  writeAtomic(join(out, 'fomular-daemon.asc'), signer.publicKey)
  const versions = readdirSync(out).filter((name) => valid(name) && existsSync(join(out, name, STANZAS)))
  for (const [folder, has] of Object.entries(SUITES)) {
    const dir = join(out, folder)
    mkdirSync(dir, { recursive: true })
    const texts = versions.filter(has).map((version) => readFileSync(join(out, version, STANZAS), 'utf8'))
    const packages = Buffer.from(texts.join('\n'))
    const files = { Packages: packages, 'Packages.gz': gzipSync(packages, { level: 9 }) }
    for (const [name, data] of Object.entries(files)) writeAtomic(join(dir, name), data)
    writeAtomic(join(dir, 'InRelease'), await signer.sign(releaseText(folder, files, date, expires), date))
  }
}

/**
 * Returns the text of the apt index.
 * @param folder name of the folder, which is also the name of the suite
 */
function releaseText(
  folder: string,
  files: Record<string, Uint8Array>,
  date: Date,
  expires: Date | undefined,
): string {
  const sums = Object.entries(files).map(([name, data]) => {
    const hash = createHash('sha256').update(data).digest('hex')
    return ` ${hash} ${data.length} ${name}`
  })
  return `Origin: FomularOS
Label: fomular-daemon
Suite: ${folder}
Codename: ${folder}
Date: ${date.toUTCString()}${expires === undefined ? '' : `\nValid-Until: ${expires.toUTCString()}`}
Architectures: amd64 arm64
Description: releases of fomular-daemon
SHA256:
${sums.join('\n')}
`
}

function writeAtomic(path: string, data: string | Uint8Array) {
  const temp = `${path}.new`
  writeFileSync(temp, data)
  renameSync(temp, path)
}
