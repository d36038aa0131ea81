import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { type BundledPackage, bundledPackages } from '../../../packaging/bundled.ts'
import { thirdPartyLicenses } from '../../../packaging/licenses.ts'
import { buildProgram, root } from '../../../packaging/program.ts'
import { sbom } from '../../../packaging/sbom.ts'

/** Dependencies that bundled packages declare, but whose code the program does not use. */
const NOT_USED: Record<string, string[]> = {
  // The build leaves `debug` out.
  'https-proxy-agent': ['debug'],
  // These packages are for pino's output and worker thread, which the build leaves out.
  pino: [
    'atomic-sleep',
    'pino-abstract-transport',
    'process-warning',
    'real-require',
    'sonic-boom',
    'thread-stream',
  ],
  'registry-url': ['find-up-simple'],
  // The program uses only the parser of tar.
  tar: ['@isaacs/fs-minipass', 'chownr', 'yallist'],
}

describe('the packages in the program', () => {
  let packages: BundledPackage[]
  before(async () => {
    packages = bundledPackages([(await buildProgram({ executable: true })).metafile])
  })

  test('the dependencies of bundled packages are bundled as separate packages', () => {
    const names = new Set(packages.map(({ name }) => name))
    for (const { name, dependencies = {} } of packages)
      assert.deepEqual(
        Object.keys(dependencies).filter((dependency) => !names.has(dependency)),
        NOT_USED[name] ?? [],
        name,
      )
  })

  test('bundled packages contain no file that includes other packages', () => {
    const built = packages.flatMap(({ dir, files }) =>
      files.filter((file) => /\.min\.|(^|\/)bundle/.test(file)).map((file) => `${dir}/${file}`),
    )
    assert.deepEqual(built, [])
  })

  test('all bundled packages are listed with their licenses', () => {
    const text = thirdPartyLicenses(packages)
    for (const { name, version } of packages) assert.ok(text.includes(`\n${name} ${version} (`), name)
    for (const name of ['tar', 'minipass', 'minizlib']) assert.match(text, new RegExp(`^${name} `, 'm'))
    assert.throws(
      () => thirdPartyLicenses([{ dir: 'src', name: 'unlicensed', version: '1.0.0', files: [] }]),
      /unlicensed has no license/,
    )
  })

  test('all bundled packages are in the SBOM, with the hashes that npm checked', () => {
    const { components, dependencies } = JSON.parse(sbom(packages, ['24.0.0']))
    const [node, ...libraries] = components
    assert.equal(node.purl, 'pkg:generic/node@24.0.0')
    const listed = libraries.map(({ name, version }: BundledPackage) => `${name}@${version}`)
    assert.deepEqual(
      listed,
      packages.map(({ name, version }) => `${name}@${version}`),
    )
    for (const name of ['minipass', 'minizlib', 'tar', 'ws', 'zod'])
      assert.ok(
        listed.some((each: string) => each.startsWith(`${name}@`)),
        name,
      )
    assert.equal(dependencies[0].dependsOn.length, components.length)
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
    for (const [at, { dir }] of packages.entries())
      assert.equal(
        `sha512-${Buffer.from(libraries[at].hashes[0].content, 'hex').toString('base64')}`,
        lock.packages[dir].integrity,
      )
  })
})
