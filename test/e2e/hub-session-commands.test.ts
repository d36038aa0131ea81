import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HubSession, NewKey, NewSession } from '../../src/protocol/index.ts'
import { Stage } from '../support/stage.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

test('the command line lists the sessions of browsers, and ends one', async (t) => {
  const stage = await Stage.open(t)
  await stage.hub()
  const run = async (...args: string[]) => {
    const ran = stage.run(['hub', 'session', ...args])
    return { code: await ran.ended, output: ran.log() }
  }
  assert.deepEqual(await run('list'), {
    code: 0,
    output: 'No browser is signed in. `fomular-daemon open` signs one in.\n',
  })
  const { key } = await stage.api<NewKey & { key: string }>('POST', '/api/keys', {
    name: 'ada',
    role: 'viewer',
  })
  const signIn = async (user_agent: string) => {
    const headers = { authorization: `Bearer ${key}`, 'user-agent': user_agent }
    const answer = await fetch(`${stage.hubUrl}/api/sessions`, { method: 'POST', headers })
    return ((await answer.json()) as NewSession).session.session_id
  }
  const [first, other] = [await signIn(FIREFOX), await signIn('curl/8')]
  const { output } = await run('list')
  assert.match(output, /^SESSION +KEY +BROWSER +FROM +USED +ENDS\n/)
  assert.match(
    output,
    new RegExp(`^${first} +ada +Firefox on Linux +127\\.0\\.0\\.1 +\\d+ s ago +\\d{4}-\\d\\d-\\d\\d$`, 'm'),
  )
  const listed = JSON.parse((await run('list', '--json')).output).sessions as HubSession[]
  assert.deepEqual(new Set(listed.map(({ session_id }) => session_id)), new Set([first, other]))

  assert.deepEqual(await run('end', first.slice(0, 8)), {
    code: 0,
    output: 'Firefox on Linux is signed out. Its key was ada.\n',
  })
  const again = await run('end', first)
  assert.equal(again.code, 4)
  assert.match(again.output, /There is no session "\w+"\.\n.*hub session list/)
  const short = await run('end', other.slice(0, 3), '--json')
  assert.deepEqual([short.code, JSON.parse(short.output).error.code], [4, 'session_not_found'])

  // A key of another role sees and ends only its own sessions.
  const eve = await stage.api<NewKey & { key: string }>('POST', '/api/keys', {
    name: 'eve',
    role: 'operator',
  })
  const file = join(stage.dir, 'eve.key')
  writeFileSync(file, eve.key, { mode: 0o600 })
  assert.equal((await run('end', other, '--hub-key-file', file)).code, 4)
  assert.deepEqual(await run('end', other, '--json'), {
    code: 0,
    output: `${JSON.stringify({ session_id: other })}\n`,
  })
})
