import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BundledPackage } from './bundled.ts'
import { root } from './program.ts'

const LICENSE_FILE = /^(licen[cs]e|copying|notice)(\.|-|$)/i

/**
 * Returns the names and license texts of the packages in the bundle.
 * @throws for a package without a license, because redistributing such a package is not permitted
 */
export function thirdPartyLicenses(packages: BundledPackage[]): string {
  const parts = packages.map(({ dir, name, version, license }) => {
    const texts = readdirSync(join(root, dir))
      .filter((file) => LICENSE_FILE.test(file))
      .map((file) => readFileSync(join(root, dir, file), 'utf8').trim())
    if (typeof license !== 'string' && texts.length === 0) throw new Error(`${name} has no license`)
    return [`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n')
  })
  return `This program contains the following packages.\n\n${parts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
}
