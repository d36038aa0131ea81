// Needs: bwrap
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { type Sandbox, sandboxed } from '../../../../src/agents/process/sandbox.ts'
import { tempDir } from '../../../support/temp.ts'

function placesIn(t: TestContext) {
  const dir = tempDir(t)
  const at = (name: string) => {
    mkdirSync(join(dir, name))
    return join(dir, name)
  }
  const [cwd, further, own, state] = [at('cwd'), at('further'), at('own'), at('state')]
  const key = join(dir, 'key')
  for (const path of [key, join(own, 'file'), join(state, 'journal')]) writeFileSync(path, 'secret')
  const places = { home: homedir(), cwd, chosen: [], writable: [further], empty: [], readable: [own] }
  const run = async (script: string, network: Sandbox['network'] = 'host') => {
    const [program, ...args] = await sandboxed({ network, hidden: [state, key] }, places)
    const command = [...args, '/bin/sh', '-c', script]
    return promisify(execFile)(program!, command).then(
      ({ stdout }) => stdout.trim(),
      ({ code, stdout }) => `${stdout}failed ${code}`.trim(),
    )
  }
  return { dir, cwd, further, own, state, key, places, run }
}

test('an agent in a sandbox can write to its folders, but to no other folder of the machine', async (t) => {
  const { cwd, further, own, dir, run } = placesIn(t)
  assert.equal(await run(`pwd; echo a >made && echo b >${further}/made`), cwd)
  assert.equal(
    readFileSync(join(cwd, 'made'), 'utf8') + readFileSync(join(further, 'made'), 'utf8'),
    'a\nb\n',
  )
  for (const path of [
    `${own}/file`,
    '/etc/made',
    '/usr/made',
    '/made',
    `${process.env.HOME}/made-by-sandbox`,
  ])
    assert.match(await run(`echo c >${path}`), /^failed/, path)
  assert.equal(readFileSync(join(own, 'file'), 'utf8'), 'secret')
  assert.equal(await run(`echo c >/tmp/of-sandbox && cat /tmp/of-sandbox`), 'c')
  assert.ok(!existsSync('/tmp/of-sandbox'))
  assert.equal(await run(`cat ${own}/file`), 'secret')
  assert.ok(existsSync(join(dir, 'state/journal')))
})

test('an agent in a sandbox sees no key, no journal of another agent, no socket, and no process outside', async (t) => {
  const { dir, state, key, run, places } = placesIn(t)
  assert.equal(await run(`cat ${key} ${state}/journal`), 'failed 1')
  // The parent folder is writable, and may contain a link to the hidden folder.
  symlinkSync(state, join(dir, 'cwd/link'))
  places.writable.push(dir)
  assert.equal(await run(`cat ${key} ${state}/journal link/journal; ls -A ${state}`), '')
  assert.match(await run(`cat /proc/${process.pid}/environ`), /^failed/)
  assert.match(await run(`kill -0 ${process.pid}`), /^failed/)
  assert.equal(await run('ls /run'), existsSync('/run/systemd/resolve') ? 'systemd' : '')
})

test('an agent in a sandbox has the network of the machine, or no network', async (t) => {
  const { run } = placesIn(t)
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const connect = `'${process.execPath}' -e "require('net').connect(${port}, '127.0.0.1').on('connect', () => process.exit(0)).on('error', () => process.exit(3))"`
  assert.equal(await run(connect), '')
  assert.equal(await run(connect, 'none'), 'failed 3')
})

test('every process that an agent in a sandbox starts ends with the agent', async (t) => {
  const { cwd, run } = placesIn(t)
  await run(`setsid sh -c 'sleep 1; echo late >late' >/dev/null 2>&1 & sleep 0.1`)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  assert.ok(!existsSync(join(cwd, 'late')))
})

test('if the sandbox cannot be created, no agent runs, and the refusal names the policy key and a remedy', async (t) => {
  const { places, state } = placesIn(t)
  const refusal = (sandbox: Partial<Sandbox>, cwd: string) =>
    sandboxed({ network: 'host', hidden: [], ...sandbox }, { ...places, cwd }).then(
      () => assert.fail('it was permitted'),
      ({ code, error, remedy }) => ({ code, path: error.path, remedy }),
    )
  const gone = await refusal({}, join(places.cwd, 'gone'))
  assert.deepEqual([gone.code, gone.path], ['policy', 'isolation.sandbox'])
  assert.match(gone.remedy, /Install bubblewrap/)
  assert.match((await refusal({ hidden: [state] }, state)).remedy, /another folder/)
})

test('a server cannot choose folders that would give a sandboxed agent access to the system outside the sandbox', async (t) => {
  const { places } = placesIn(t)
  const refused = (own: { cwd?: string; chosen?: string[] }) =>
    assert.rejects(sandboxed({ network: 'host', hidden: [] }, { ...places, ...own }), {
      code: 'policy',
      message: /would give the agent access to the system outside/,
    })
  for (const path of ['/', '/run', '/run/user', '/etc', '/etc/systemd', '/proc/1', '/usr/local', homedir()]) {
    await refused({ cwd: path })
    await refused({ chosen: [path] })
  }
})
