import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

test('a hub without free file descriptors reports the shortage, and does not blame its address', () => {
  const at = (path: string) => JSON.stringify(new URL(`../../../../src/${path}`, import.meta.url).href)
  const script = `
    import { openSync } from 'node:fs'
    import { openListeners } from ${at('hub/http/listeners.ts')}
    import { shortageIn } from ${at('platform/errors.ts')}
    const exhaust = () => { try { for (;;) openSync('/dev/null') } catch {} }
    exhaust()
    // Node may still close files of its own start.
    await new Promise((resolve) => setTimeout(resolve, 100))
    exhaust()
    const options = { host: '127.0.0.1', port: 0, socket: '/nowhere', listener() {}, attend() {} }
    const error = await openListeners(options).catch((error) => error)
    console.log(shortageIn(error)?.message ?? error)
    process.exit()`
  const args = ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, script]
  assert.match(execFileSync('sh', args, { encoding: 'utf8' }), /may not open any more files \(EMFILE\)/)
})
