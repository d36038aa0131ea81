import assert from 'node:assert/strict'
import { chownSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UpdateFailure } from '../../../src/update/failure.ts'
import { targetOf } from '../../../src/update/target.ts'
import { tempDir } from '../../support/temp.ts'

test('an executable is updated in the home folder of its own user, and in nobody else’s', (t) => {
  const home = tempDir(t)
  const program = '/opt/fomular-daemon'
  const layout = { kind: 'executable', root: '/opt', program: 'fomular-daemon' } as const
  const target = (HOME: string) => targetOf(layout, { program, command: program, env: { HOME } })
  assert.equal(target(home).root, join(home, '.fomular'))
  let others = '/'
  if (process.getuid?.() === 0) {
    others = home
    chownSync(others, 60_123, 60_123)
  }
  assert.throws(
    () => target(others),
    (error) => error instanceof UpdateFailure && error.error.code === 'update_refused',
  )
})
