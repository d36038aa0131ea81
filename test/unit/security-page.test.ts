import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const root = new URL('../../', import.meta.url)

test('the security page names exactly the test files in test/security', () => {
  const page = readFileSync(new URL('src/SECURITY.md', root), 'utf8')
  const named = [...page.matchAll(/\.\.\/test\/security\/([\w-]+\.test\.ts)/g)].map(([, file]) => file!)
  const files = readdirSync(new URL('test/security/', root)).filter((file) => file.endsWith('.test.ts'))
  assert.deepEqual([...new Set(named)].sort(), files.sort())
})
