import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BundledPackage } from './bundled.ts'
import { root, version } from './program.ts'

interface LockFile {
  packages: Record<string, { integrity?: string }>
}

function components(packages: BundledPackage[]) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile
  return packages.map(({ dir, name, version, license }) => {
    const integrity = lock.packages[dir]?.integrity
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
    return {
      type: 'library',
      'bom-ref': purl,
      name,
      version,
      purl,
      ...(typeof license === 'string' && { licenses: [{ expression: license }] }),
      // The hash that npm checked when it installed the package.
      ...(integrity?.startsWith('sha512-') && {
        hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.slice(7), 'base64').toString('hex') }],
      }),
    }
  })
}

/**
 * Returns the content of the executables as CycloneDX JSON. The text contains no timestamp and no serial
 * number, so that the same commit always gives the same text.
 * @param nodes versions of Node in the executables
 */
export function sbom(packages: BundledPackage[], nodes: string[]): string {
  const purl = `pkg:npm/%40fomular-os/daemon@${version}`
  const libraries = components(packages)
  const runtimes = nodes.map((node) => ({
    type: 'platform',
    'bom-ref': `pkg:generic/node@${node}`,
    name: 'node',
    version: node,
    purl: `pkg:generic/node@${node}`,
    licenses: [{ expression: 'MIT' }],
  }))
  const all = [...runtimes, ...libraries]
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': purl,
        name: '@fomular-os/daemon',
        version,
        purl,
        licenses: [{ expression: 'MIT' }],
      },
    },
    components: all,
    dependencies: [{ ref: purl, dependsOn: all.map((component) => component['bom-ref']) }],
  }
  return `${JSON.stringify(bom, undefined, 2)}\n`
}
