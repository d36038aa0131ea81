import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { directImports } from '../../../packaging/direct-imports.ts'
import { tempDir } from '../../support/temp.ts'

test('values are imported from the files that define them, on the same lines', (t) => {
  const folder = tempDir(t)
  writeFileSync(join(folder, 'a.ts'), 'export const A = 1\nexport function B() {}\n')
  writeFileSync(join(folder, 'c.ts'), 'export async function C() {}\n')
  const name = folder.split('/').at(-1)
  const direct = directImports(folder)
  const text = `import {\n  A,\n  type T,\n  C as D,\n} from '../${name}/index.ts'\nimport { E } from '../e/index.ts'\n`
  assert.equal(
    direct(text),
    `import { A } from '../${name}/a.ts'; import { C as D } from '../${name}/c.ts'\n\n\n\n\nimport { E } from '../e/index.ts'\n`,
  )
  assert.equal(direct(`import { type T } from '../${name}/index.ts'\n`), '\n')
  assert.throws(() => direct(`import { F } from '../${name}/index.ts'`), /no file .* defines F/)
})
