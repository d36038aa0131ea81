import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatLogLine } from '../../../src/platform/log.ts'

test('a log entry is always one line without control characters', () => {
  const entry = {
    time: '2026-11-25T01:02:03.456Z',
    level: 'info',
    msg: 'machine connected',
    hostname: '\x1b[2Jbox\n2026-11-25 01:02:04 info  all is well\u202e\x9b',
    err: { message: 'a\tb' },
  }
  assert.equal(
    formatLogLine(JSON.stringify(entry)),
    '2026-11-25 01:02:03 info  machine connected (a\\tb) hostname=\\u001b[2Jbox\\n2026-11-25 01:02:04 info  all is well\\u202e\\u009b\n',
  )
})
