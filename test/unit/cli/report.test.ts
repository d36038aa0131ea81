import assert from 'node:assert/strict'
import { test } from 'node:test'
import { report } from '../../../src/cli/report.ts'
import { forTerminal } from '../../../src/cli/terminal.ts'
import { UserError } from '../../../src/platform/errors.ts'

test('errors are printed as text for people and as JSON for programs', () => {
  const error = new UserError('some_code', 'It went\x1b[2J wrong.', { remedy: 'Do this.', exitCode: 4 })
  const text = report(error, { json: false })
  assert.equal(text.exitCode, 4)
  assert.match(forTerminal(text.stderr), /error:.* It went␛\[2J wrong\.\n.*→ Do this\./)
  assert.deepEqual(report(error, { json: true }), {
    stdout: `${JSON.stringify({ error: { code: 'some_code', message: 'It went\x1b[2J wrong.', remedy: 'Do this.' } })}\n`,
    stderr: '',
    exitCode: 4,
  })
  assert.match(
    report(new TypeError('bug'), { json: false }).stderr,
    /internal error:.*TypeError: bug[\s\S]*at /,
  )
  assert.equal(JSON.parse(report('odd', { json: true }).stdout).error.code, 'internal')
  const short = report(Object.assign(new Error('EMFILE: open x'), { code: 'EMFILE' }), { json: false })
  assert.match(short.stderr, /error:.* The command failed: .*\(EMFILE\)\.\n.*→ Raise its limit on open files/)
  assert.equal(short.exitCode, 1)
})
