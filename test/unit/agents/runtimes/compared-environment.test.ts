import assert from 'node:assert/strict'
import { test } from 'node:test'
import { comparedEnvironment } from '../../../../src/agents/runtimes/compared-environment.ts'

test('no part of a password in an address is reported', () => {
  for (const login of ['name:word', 'name:wo@rd', 'name@example.com:wo@rd@'])
    assert.deepEqual(
      comparedEnvironment({ ANTHROPIC_BASE_URL: `https://${login}@api.example/v1/@here`, PATH: '/a@b:/c' })
        .variables,
      { PATH: '/a@b:/c', ANTHROPIC_BASE_URL: 'https://api.example/v1/@here' },
    )
})

test('a key in the query of an address is not reported', () => {
  for (const rest of ['?key=word', '/v1?a=b&key=word', '#word'])
    assert.doesNotMatch(
      JSON.stringify(comparedEnvironment({ ANTHROPIC_BASE_URL: `https://api.example${rest}` })),
      /word/,
    )
})
