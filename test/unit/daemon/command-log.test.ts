import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CommandLog } from '../../../src/daemon/command-log.ts'
import type { CommandResult } from '../../../src/protocol/index.ts'
import { limited } from '../../support/limited.ts'
import { tempDir } from '../../support/temp.ts'

const result = (command_id: string): CommandResult => ({ type: 'agent:stop:result', command_id, ok: true })

test('the next daemon knows a result, even if a later line is torn', async (t) => {
  const path = join(tempDir(t), 'ledger.jsonl')
  const first = new CommandLog(path)
  await first.record(result('c-1'))
  first.close()
  assert.equal(statSync(path).mode & 0o777, 0o600)
  appendFileSync(path, '\n{"version":1,"resu')
  const second = new CommandLog(path)
  await second.record(result('c-2'))
  second.close()
  const third = new CommandLog(path)
  t.after(() => third.close())
  assert.deepEqual(
    [third.get('c-1'), third.get('c-2'), third.get('c-3')],
    [result('c-1'), result('c-2'), undefined],
  )
})

test('the ledger stays bounded over any number of daemon starts', async (t) => {
  const path = join(tempDir(t), 'ledger.jsonl')
  const lines = Array.from({ length: 30_000 }, (_, n) =>
    JSON.stringify({ version: 1, result: result(`c-${n}`) }),
  )
  writeFileSync(path, `\n${lines.join('\n')}`)
  const ledger = new CommandLog(path)
  t.after(() => ledger.close())
  const left = () => readFileSync(path, 'utf8').split('\n').filter(Boolean).length
  assert.equal(left(), 10_000)
  assert.deepEqual(ledger.get('c-29999'), result('c-29999'))
  await ledger.record(result('c-30000'))
  assert.equal(left(), 10_001)
})

test('even after very many commands, the ledger remembers a signed command that could be repeated', async (t) => {
  const path = join(tempDir(t), 'ledger.jsonl')
  const first = new CommandLog(path)
  const [past, future] = [Date.now() - 1000, Date.now() + 60_000]
  await first.record(result('expired'), past)
  await first.record(result('valid'), future)
  first.close()
  appendFileSync(
    path,
    Array.from(
      { length: 20_000 },
      (_, n) => `\n${JSON.stringify({ version: 1, result: result(`c-${n}`) })}`,
    ).join(''),
  )
  for (let starts = 0; starts < 2; starts++) {
    const next = new CommandLog(path)
    assert.deepEqual([next.get('valid'), next.get('expired')], [result('valid'), undefined])
    next.close()
  }
})

test('a ledger written by a newer version is refused and left unchanged', (t) => {
  const path = join(tempDir(t), 'ledger.jsonl')
  const text = `\n${JSON.stringify({ version: 1, result: result('c-1') })}\n{"version":2,"outcome":{}}`
  writeFileSync(path, text)
  assert.throws(() => new CommandLog(path), { name: 'UserError', code: 'state_newer' })
  assert.equal(readFileSync(path, 'utf8'), text)
})

test('a result that could not be written to a full disk is written with the next result', (t) => {
  const path = join(tempDir(t), 'ledger.jsonl')
  writeFileSync(path, '\n'.repeat(4050))
  limited(
    4096,
    `
      import { truncateSync } from 'node:fs'
      import { CommandLog } from 'SRC/daemon/command-log.ts'
      const ledger = new CommandLog(${JSON.stringify(path)})
      await ledger.record(${JSON.stringify(result('c-1'))}).then(() => { throw new Error('written') }, () => {})
      truncateSync(${JSON.stringify(path)}, 0)
      await ledger.record(${JSON.stringify(result('c-2'))})
    `,
  )
  const next = new CommandLog(path)
  t.after(() => next.close())
  assert.deepEqual([next.get('c-1'), next.get('c-2')], [result('c-1'), result('c-2')])
})
