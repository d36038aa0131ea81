import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { StageLines } from '../../../src/cli/update/stages.ts'

/** Returns what two stages of an update print on a terminal of this type. */
function printed(t: TestContext, terminal: string): string {
  const { TERM } = process.env
  const { isTTY } = process.stderr
  process.env.TERM = terminal
  process.stderr.isTTY = true
  let text = ''
  const write = t.mock.method(process.stderr, 'write', (more: string) => {
    text += more
    return true
  })
  try {
    const lines = new StageLines({ quiet: false })
    lines.begin('resolve')
    lines.begin('download')
    lines.end()
  } finally {
    write.mock.restore()
    process.stderr.isTTY = isTTY
    if (TERM === undefined) delete process.env.TERM
    else process.env.TERM = TERM
  }
  return text
}

test('on a terminal without cursor control, the stages of an update are printed without moving the cursor', (t) => {
  assert.match(printed(t, 'dumb'), /^resolve +\S+( ms| s)?\ndownload +\S+( ms| s)?\n$/)
  assert.match(printed(t, 'xterm'), /\r\x1b\[K/)
})
