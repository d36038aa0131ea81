import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

const LICENSE_FILE = /^(licen[cs]e|copying|notice)(\.|-|$)/i

/** Returns the folder (`node_modules/@scope/name`) of each package that is in the bundle. */
function packageDirs(inputs: Iterable<string>): string[] {
  const dirs = new Set<string>()
  for (const input of inputs) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input.split(sep).join('/'))
    if (match) dirs.add(match[1]!)
  }
  return [...dirs].sort()
}

/**
 * Returns the names and license texts of the packages in the bundle.
 * @throws for a package without a license, which may not be redistributed
 */
export function thirdPartyLicenses(inputs: Iterable<string>): string {
  const parts = packageDirs(inputs).map((dir) => {
    const { name, version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
    const texts = readdirSync(dir)
      .filter((file) => LICENSE_FILE.test(file) && existsSync(join(dir, file)))
      .map((file) => readFileSync(join(dir, file), 'utf8').trim())
    if (typeof license !== 'string' && texts.length === 0) throw new Error(`${name} has no license`)
    return [`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n')
  })
  return `This program contains the following packages.\n\n${parts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
}
