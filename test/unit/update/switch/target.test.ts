import assert from 'node:assert/strict'
import { chownSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UpdateFailure } from '../../../../src/update/failure.ts'
import { targetOf } from '../../../../src/update/switch/target.ts'
import { tempDir } from '../../../support/temp.ts'

test('an executable is updated only in the home folder of its own user', (t) => {
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
  if (process.getuid?.() !== 0) return
  // The update is refused because the program would later refuse to run files in another user's folder.
  const within = join(home, 'own')
  mkdirSync(within)
  assert.throws(
    () => target(within),
    (error) => error instanceof UpdateFailure && /chown/.test(error.error.remedy ?? ''),
  )
  const env = { HOME: within, FOMULAR_STRICT_MODES: 'false' }
  assert.equal(targetOf(layout, { program, command: program, env }).root, join(within, '.fomular'))
})

test('only an installation in ~/.fomular has the update mode user-prefix, and links to that folder are followed', (t) => {
  const home = tempDir(t)
  const linked = join(tempDir(t), 'home')
  symlinkSync(home, linked)
  const mode = (root: string, HOME: string, kind: 'package' | 'prefix' = 'package') => {
    mkdirSync(join(root, 'versions'), { recursive: true })
    const program = join(root, 'bin/fomular-daemon')
    const layout = { kind, root, program: 'bin/fomular-daemon' }
    return targetOf(layout, { program, command: program, env: { HOME } }).mode
  }
  const byNpm = join(home, '.fomular/lib/node_modules/@fomular-os/daemon')
  assert.equal(mode(byNpm, home), 'user-prefix')
  assert.equal(mode(byNpm, linked), 'user-prefix')
  assert.equal(mode(join(home, '.fomular/npm/lib/node_modules/@fomular-os/daemon'), home), 'user-prefix')
  assert.equal(mode(join(home, '.fomular'), home, 'prefix'), 'user-prefix')
  assert.equal(mode(join(home, '.fomular'), linked, 'prefix'), 'user-prefix')
  assert.equal(mode(join(home, '.fomular-other'), home), 'global')
  assert.equal(mode(join(home, 'lib/node_modules/@fomular-os/daemon'), home), 'global')
  assert.equal(mode(byNpm, tempDir(t)), 'global')
  // Tests a `.fomular` folder that was moved to another disk.
  const elsewhere = tempDir(t)
  const moved = tempDir(t)
  symlinkSync(elsewhere, join(moved, '.fomular'))
  assert.equal(mode(elsewhere, moved, 'prefix'), 'user-prefix')
})
