// Needs: root
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { accountOf } from '../../src/platform/account.ts'
import { type Cleanup, tempDir } from './temp.ts'

/** True if tests can create users, and run programs as them. */
export const isRoot = process.getuid?.() === 0

let made = 0

/**
 * Creates a user of this machine, with an additional group and an empty home. The user is deleted after the test.
 */
export function systemUser(t: Cleanup) {
  const name = `fomular-${process.pid}-${++made}`
  const group = `${name}-g`
  const dir = tempDir(t)
  const home = join(dir, 'home')
  chmodSync(dir, 0o755)
  mkdirSync(home, { mode: 0o700 })
  execFileSync('groupadd', ['--system', group])
  t.after(() => void execFileSync('groupdel', [group]))
  execFileSync('useradd', ['--system', '--home-dir', home, '--shell', '/bin/sh', '--groups', group, name])
  t.after(() => void execFileSync('userdel', ['--force', name], { stdio: 'ignore' }))
  const account = accountOf(name)!
  chownSync(home, account.uid, account.gid)
  return { ...account, group }
}
