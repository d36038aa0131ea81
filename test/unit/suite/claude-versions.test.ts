import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import lt from 'semver/functions/lt.js'
import { claudeVersion, startsClaude } from '../../suite/claude-versions.ts'

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

test('the suite for one version of Claude Code has all test files that start Claude Code, even indirectly', () => {
  assert.ok(startsClaude(file('e2e/claude-code.test.ts')))
  assert.ok(startsClaude(file('e2e/life.test.ts')))
  assert.ok(!startsClaude(file('e2e/hub-http.test.ts')))
})

test('the oldest tested version of Claude Code is older than the version that the tests are written for', async () => {
  assert.ok(lt(await claudeVersion('oldest'), '2.1.332'))
})
