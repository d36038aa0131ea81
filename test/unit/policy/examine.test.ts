import assert from 'node:assert/strict'
import { test } from 'node:test'
import { examinePolicy } from '../../../src/policy/examine.ts'

test('every problem of a policy is reported with its key and line', () => {
  const { problems } = examinePolicy(`version = 1
permision_modes = []
system_prompt = "all"

[folders]
allow = ["/srv", "relative"]
[[mcp.listed]]
name = "one"
[[mcp.listed]]
name = "two"
url = "nonsense"
[limits]
agents = 0
`)
  assert.deepEqual(
    problems?.map(({ key, line }) => [key, line]),
    [
      ['permision_modes', 2],
      ['system_prompt', 3],
      ['folders.allow.1', 6],
      ['mcp.listed.1.url', 11],
      ['limits.agents', 13],
    ],
  )
  assert.equal(problems?.[0]?.remedy, 'Did you mean "permission_modes"?')
})

test('a policy without a version, and a file that is not TOML, are reported', () => {
  assert.match(examinePolicy('').problems?.[0]?.message ?? '', /must begin with version = 1/)
  const { problems } = examinePolicy('version = 1\n[folders\n')
  assert.equal(problems?.length, 1)
  assert.match(problems?.[0]?.message ?? '', /^is not valid TOML: line 2, /)
  assert.equal(problems?.[0]?.line, 2)
})
