import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serviceLine } from '../../../src/cli/local/describe.ts'

test('for root, the command line that uninstalls a user’s service begins with `as USER:`', (t) => {
  const { getuid } = process
  t.after(() => Object.assign(process, { getuid }))
  Object.assign(process, { getuid: () => 0 })
  for (const manager of ['systemd-user', 'pm2'] as const) {
    const line = `service uninstall --manager ${manager} --name d`
    assert.match(
      serviceLine('uninstall', { manager, name: 'd' }, 'alice'),
      new RegExp(`^as alice: .*${line}$`),
    )
  }
  Object.assign(process, { getuid: () => 1000 })
  assert.match(serviceLine('uninstall', { manager: 'systemd', name: 'd' }, 'alice'), /^sudo .*--name d$/)
})
