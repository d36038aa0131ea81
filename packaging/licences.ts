import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

const LICENCE_FILE = /^(licen[cs]e|copying|notice)(\.|-|$)/i

/** `node_modules/@scope/name` and the like, of each package that a file in the bundle is from. */
function packageDirs(inputs: Iterable<string>): string[] {
  const dirs = new Set<string>()
  for (const input of inputs) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input.split(sep).join('/'))
    if (match) dirs.add(match[1]!)
  }
  return [...dirs].sort()
}

/**
 * Names and licence texts of what the bundle carries.
 * @throws when a package comes without a licence: such a one cannot be passed on
 */
export function thirdPartyLicences(inputs: Iterable<string>): string {
  const parts = packageDirs(inputs).map((dir) => {
    const { name, version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
    const texts = readdirSync(dir)
      .filter((file) => LICENCE_FILE.test(file) && existsSync(join(dir, file)))
      .map((file) => readFileSync(join(dir, file), 'utf8').trim())
    if (typeof license !== 'string' && texts.length === 0) throw new Error(`${name} has no licence`)
    return [`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n')
  })
  return `This program contains the following packages.\n\n${parts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
}
