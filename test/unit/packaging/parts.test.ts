import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { x } from 'tar'
import { factsOf } from '../../../packaging/manifest.ts'
import { makeParts, packParts } from '../../../packaging/parts.ts'
import { version } from '../../../packaging/program.ts'
import { MANIFEST, SIGNATURE } from '../../../src/update/fetch/manifest.ts'
import { isSigned } from '../../../src/update/fetch/minisign.ts'
import { releaseKey } from '../../support/package-server.ts'
import { tempDir } from '../../support/temp.ts'

test('a release can be signed after the build, but only with the key whose public part is built into the program', async (t) => {
  const key = releaseKey()
  const dir = tempDir(t)
  await makeParts(dir, {
    chosen: [],
    maintainer: 'Somebody <somebody@example.com>',
    keys: [key.publicKey],
    incomplete: () => {},
  })
  for (const keys of [[], [releaseKey().publicKey]])
    await assert.rejects(packParts(dir, keys, key), /built for other release keys/)
  const files = await packParts(dir, [key.publicKey], key)
  const name = `fomular-os-daemon-${version}.tgz`
  assert.deepEqual(files.map((file) => file.name).sort(), ['CHANGELOG.md', name, 'sbom.cdx.json'].sort())
  for (const file of files) assert.deepEqual(file, factsOf(dir, file.name))
  assert.ok(!existsSync(join(dir, 'packages')) && !existsSync(join(dir, 'parts.json')))
  await x({ file: join(dir, name), cwd: dir })
  const read = (path: string) => readFileSync(join(dir, 'package', path))
  assert.ok(isSigned(read(MANIFEST), String(read(SIGNATURE)), [key.publicKey]))
})
