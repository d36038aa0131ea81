import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { signalsTo } from '../../../src/platform/early-signal.ts'

const MODULE = new URL('../../../src/platform/early-signal.ts', import.meta.url).href

/** Starts a program that keeps signals until `body` has finished. */
function starting(t: TestContext, body: string) {
  const code = `import { keepSignals, keptSignal, signalSoFar } from ${JSON.stringify(MODULE)}
keepSignals()
const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
${body}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  return { child, said: text(child.stdout), ended: once(child, 'exit') }
}

test('a signal that arrives right after a program’s start is handled once the program can act on it', async (t) => {
  const { child, said, ended } = starting(
    t,
    'while (!(await signalSoFar())) await sleep(10); console.log(keptSignal())',
  )
  signalsTo(child)('SIGTERM')
  assert.deepEqual(await ended, [0, null])
  assert.equal(await said, 'SIGTERM\n')
})

test('a second signal ends a program that cannot act on the first signal', async (t) => {
  const { child, ended } = starting(t, 'for (;;) await sleep(1000)')
  const send = signalsTo(child)
  send('SIGTERM')
  send('SIGINT')
  const [code] = await ended
  assert.ok([130, 143].includes(code), String(code))
})
