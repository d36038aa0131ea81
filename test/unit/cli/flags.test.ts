import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { withDaemonFlags } from '../../../src/cli/start/daemon-flags.ts'
import { CONFIG_KEYS } from '../../../src/config/settings.ts'

test('every setting has a flag, except those of a section of the file, and every flag is a setting', () => {
  const flags = withDaemonFlags(new Command()).options.map(({ long }) => long)
  // Updates and traces are configured for a machine, in its file or environment.
  const settings = CONFIG_KEYS.filter((key) => !key.includes('.')).map((key) => `--${key.replace(/_/g, '-')}`)
  assert.deepEqual(new Set(flags), new Set([...settings, '--config']))
})
