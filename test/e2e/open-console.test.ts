import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

async function hubOn(t: TestContext) {
  const stage = await Stage.open(t)
  await stage.hub()
  return stage
}

const signIn = (stage: Stage, token: string) =>
  fetch(`${stage.hubUrl}/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  })

test('open prints an address that signs in once, if there is no display', async (t) => {
  const stage = await hubOn(t)
  for (const args of [['open'], ['open', '--print'], ['open', '--json']]) {
    const run = stage.run(args)
    assert.equal(await run.ended, 0, run.log())
    const [url = '', token = ''] = /http:\/\/127\.0\.0\.1:\d+\/#token=([\w-]+)/.exec(run.log()) ?? []
    assert.ok(url.startsWith(`${stage.hubUrl}/#`), run.log())
    if (args.includes('--json')) assert.ok('expires_at' in JSON.parse(run.log()))
    else assert.match(run.log(), /signs a browser in as local \(admin\)\. It is valid once, for a minute\./)
    assert.equal((await signIn(stage, token)).status, 201)
    assert.equal((await signIn(stage, token)).status, 401)
  }
})

test('open starts the browser without showing the token to other users, and leaves no file', async (t) => {
  const stage = await hubOn(t)
  const bin = join(stage.dir, 'bin')
  const record = join(stage.dir, 'opened')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'xdg-open'),
    `#!/bin/sh\nprintf %s "$*" > '${record}.new' && mv '${record}.new' '${record}'\n`,
  )
  chmodSync(join(bin, 'xdg-open'), 0o755)
  const home = stage.env.HOME!
  const run = stage.run(['open'], { DISPLAY: ':9', PATH: `${bin}:${stage.env.PATH}` })
  await until(() => existsSync(record), { what: 'the start of the browser' })
  const opened = readFileSync(record, 'utf8')
  assert.ok(opened.startsWith('file:///') && !opened.includes('token'), opened)
  const page = readFileSync(fileURLToPath(opened), 'utf8')
  const [, token = ''] = /#token=([\w-]+)/.exec(page) ?? []
  assert.equal((await signIn(stage, token)).status, 201)
  assert.equal(await run.ended, 0, run.log())
  assert.match(run.log(), /is open in your browser, signed in as local \(admin\)/)
  assert.ok(!run.log().includes(token))
  assert.deepEqual(
    readdirSync(home).filter((name) => name.endsWith('.html')),
    [],
  )
})

test('open prints the address if no browser can be started', async (t) => {
  const stage = await hubOn(t)
  const bin = join(stage.dir, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'xdg-open'), '#!/bin/sh\nexit 3\n')
  chmodSync(join(bin, 'xdg-open'), 0o755)
  const run = stage.run(['open'], { DISPLAY: ':9', PATH: `${bin}:${stage.env.PATH}` })
  assert.equal(await run.ended, 0, run.log())
  assert.match(run.log(), /#token=/)
  assert.deepEqual(
    readdirSync(stage.env.HOME!).filter((name) => name.endsWith('.html')),
    [],
  )
})
