import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { prerelease, valid } from 'semver'
import type { AptSigner } from './openpgp.ts'

/** In a version's folder: what apt needs to know of the packages in it. */
export const STANZAS = 'Packages'
/** Folders for apt, with which versions each is for. */
const SUITES = {
  apt: (version: string) => prerelease(version) === null,
  'apt-next': () => true,
} as const

/**
 * Makes the release folder an apt repository: `deb URL apt/` has all releases in it, `deb URL apt-next/` those before a
 * release as well. Every file is replaced as a whole, the signed one last.
 * @param date of the newest release
 * @param expires date from which apt refuses the index. By default it stays valid: a release folder is served unchanged
 *   until there is a newer release, also by hubs, which could not sign it again
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

/** @param folder which apt takes for the name of a distribution */
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
