import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pauseMs } from '../../../src/platform/retry-after.ts'

test('the header `Retry-After`, in seconds or as a date, determines the length of a pause, within limits', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const cases: [header: string | undefined, ms: number][] = [
    [undefined, 1000],
    ['7', 7000],
    [' 7 ', 7000],
    ['0', 1000],
    ['3600', 30_000],
    ['999999999999', 1000],
    ['Thu, 01 Jan 2026 00:00:10 GMT', 10_000],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 1000],
    ['-5', 1000],
    ['1e9', 1000],
    ['soon', 1000],
  ]
  for (const [header, ms] of cases)
    assert.equal(pauseMs(header, { least: 1000, most: 30_000 }, now), ms, header)
})
