import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { limited } from '../../../../support/limited.ts'
import { tempDir } from '../../../../support/temp.ts'

test('if only a part of a line fits on the disk, and the line is then discarded, the next line is intact', (t) => {
  const path = join(tempDir(t), 'lines')
  limited(
    4096,
    `
      import { AppendFile } from 'SRC/hub/store/files/append-file.ts'
      const file = new AppendFile(${JSON.stringify(path)})
      file.add('first')
      await file.flush()
      file.add('x'.repeat(8192))
      await file.flush().then(() => { throw new Error('written') }, () => {})
      file.discard()
      file.add('second')
      await file.flush()
    `,
  )
  assert.equal(readFileSync(path, 'utf8'), 'first\nsecond\n')
})
