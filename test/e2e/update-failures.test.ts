// Needs: root, mount
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { execa } from 'execa'
import type { Outcome } from '../../src/protocol/index.ts'
import { Installation } from '../support/installation.ts'
import { built, FAULT, onStart, TestRegistry } from '../support/registry.ts'
import { until } from '../support/wait.ts'

const registry = await TestRegistry.shared()
await registry.release({ version: '1.0.0' })
await registry.release({ version: '1.1.0' })
await registry.release({ version: '0.9.0', tag: 'older' })
for (const [name, before] of Object.entries(FAULT))
  await registry.release({ version: `2.0.0-${name}`, before, tag: name })

/** Checks that only the old version runs, that its agent still runs, and that the hub got the reason. */
async function undone(
  machine: Installation,
  agent: { id: string; pid: number | undefined },
  outcome: Outcome,
  code: string,
) {
  const { stage } = machine
  assert.equal(outcome.state, 'failed', JSON.stringify(outcome))
  assert.equal(outcome.error?.code, code, JSON.stringify(outcome))
  if (code !== 'update_refused') assert.match(outcome.error?.message ?? '', /\. 1\.0\.0 still runs\.$/)
  await machine.runs('1.0.0')
  assert.equal(await machine.version(), '1.0.0')
  assert.equal((await stage.agent(agent.id)).pid, agent.pid)
  const prompt = await stage.command(agent.id, 'prompt', { content: `still here after ${code}` })
  assert.equal(prompt.state, 'succeeded')
  await stage.eventually(agent.id, 'text', ({ text }) => text === `still here after ${code}`)
  await until(() => machine.daemons().length === 1, { what: 'one daemon alone' })
  assert.deepEqual(machine.daemons(), [machine.daemon?.pid])
}

async function withAgent(t: TestContext, env: Record<string, string> = {}) {
  const machine = await Installation.open(t, registry, { env })
  await machine.hub()
  return {
    machine,
    agent: async () => {
      const id = await machine.stage.start()
      return { id, pid: (await machine.stage.agent(id)).pid }
    },
  }
}

test('a release that crashes at its start is undone by the guard, and is tried again only on request', async (t) => {
  const { machine, agent } = await withAgent(t)
  await machine.stage.daemon()
  const running = await agent()
  await undone(machine, running, await machine.order('crash'), 'update_crashed')
  const { status } = (await machine.stage.machine())!
  assert.deepEqual(
    status.problems.map(({ code }) => code).filter((code) => code === 'update_failed'),
    ['update_failed'],
  )
  const { bad_versions } = status.update as { bad_versions: { version: string; code: string }[] }
  assert.deepEqual(
    bad_versions.map(({ version, code }) => [version, code]),
    [['2.0.0-crash', 'update_crashed']],
  )
  // A good release clears the record.
  assert.equal((await machine.order('1.1.0')).state, 'succeeded')
  await machine.runs('1.1.0')
  await until(async () =>
    (await machine.stage.machine())?.status.problems.every(({ code }) => code !== 'update_failed'),
  )
})

test('a release that crashes at its start under a supervisor costs one extra restart', async (t) => {
  const { machine, agent } = await withAgent(t)
  const supervisor = machine.supervise()
  await machine.runs('1.0.0')
  const running = await agent()
  await undone(machine, running, await machine.order('crash'), 'update_crashed')
  // The release exits once, and at most once more before the guard undoes the update.
  assert.match(supervisor.exits.join(), /^75,1(,1)?$/)
  await supervisor.stop()
})

test('a release that hangs is ended and undone', async (t) => {
  const { machine, agent } = await withAgent(t, { FOMULAR_UPDATE_CONFIRM_S: '2' })
  await machine.stage.daemon()
  const running = await agent()
  await undone(machine, running, await machine.order('hang'), 'update_hung')
})

test('a release that the server refuses rolls itself back', async (t) => {
  const { machine, agent } = await withAgent(t)
  const supervisor = machine.supervise()
  await machine.runs('1.0.0')
  const running = await agent()
  await undone(machine, running, await machine.order('refused'), 'update_not_accepted')
  assert.deepEqual(supervisor.exits, [75, 75])
  await supervisor.stop()
})

test('`up` and its hub survive a release that crashes', async (t) => {
  const machine = await Installation.open(t, registry)
  const { stage } = machine
  const up = stage.run(['up'], {}, stage.daemonCommand)
  await until(
    () => readdirSync(stage.dir).includes('state') && readdirSync(join(stage.state)).includes('daemon.sock'),
  )
  await machine.runs('1.0.0')
  const { code, stderr } = await machine.run(['update', 'crash'])
  assert.equal(code, 1)
  assert.match(stderr, /2\.0\.0-crash ended before the server accepted it\. 1\.0\.0 still runs\./)
  await machine.runs('1.0.0')
  up.kill('SIGTERM')
  assert.equal(await up.ended, 0)
})

test('a faulty release is detected and reported before anything changes', async (t) => {
  await registry.release({ version: '3.0.0', tag: 'name', delivered: { name: 'something-else' } })
  await registry.release({ version: '3.0.1', tag: 'other', delivered: { version: '3.0.2' } })
  await registry.release({ version: '3.0.3', tag: 'engine', manifest: { engines: { node: '>=99' } } })
  await registry.release({ version: '3.0.4', tag: 'integrity', integrity: `sha512-${'A'.repeat(86)}==` })
  const { machine, agent } = await withAgent(t)
  await machine.stage.daemon()
  const running = await agent()
  const { pid } = machine.daemon!
  for (const [version, code] of [
    ['broken', 'update_unproven'],
    ['name', 'update_wrong_package'],
    ['other', 'update_wrong_package'],
    ['engine', 'update_engine'],
    ['integrity', 'update_integrity'],
    ['older', 'update_downgrade'],
    ['9.9.9', 'update_version_not_found'],
    ['no-such-tag', 'update_version_not_found'],
  ] as const)
    await undone(machine, running, await machine.order(version), code)
  assert.equal(machine.daemon?.pid, pid)
  const same = await machine.order('1.0.0')
  assert.deepEqual([same.state, same.result?.to_version], ['succeeded', '1.0.0'])
  for (const version of ['older', '0.9.0']) {
    const older = await machine.order(version, { allow_downgrade: true })
    await undone(machine, running, older, 'update_downgrade')
  }
  const here = await machine.run(['update', '0.9.0', '--allow-downgrade'])
  assert.equal(here.code, 0, here.stderr)
  await machine.runs('0.9.0')
})

test('only one of several concurrent updates runs, and the other updates are refused', async (t) => {
  const { machine } = await withAgent(t)
  await machine.stage.daemon()
  const [first, second, third] = await Promise.all([
    machine.order('1.1.0'),
    machine.order('1.1.0'),
    machine.run(['update', '--json']),
  ])
  const local = JSON.parse(third.stdout) as { error?: { code: string } }
  const codes = [first.error?.code, second.error?.code, local.error?.code]
  assert.deepEqual(codes.sort(), ['update_running', 'update_running', undefined].sort())
  await machine.runs('1.1.0')
})

test('if a registry is offline or breaks off a download, the error is reported, and nothing changes', async (t) => {
  let cut = true
  const proxy = createServer((incoming, outgoing) => {
    const { method, headers, url = '' } = incoming
    const onward = request(registry.url + url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      if (!cut || !url.endsWith('.tgz')) return void answer.pipe(outgoing)
      answer.once('data', (chunk: Buffer) => {
        outgoing.write(chunk.subarray(0, 1000), () => outgoing.destroy())
        onward.destroy()
      })
    })
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    proxy.close()
    proxy.closeAllConnections()
  })
  const { machine, agent } = await withAgent(t)
  const { stage } = machine
  const npmrc = join(stage.env.HOME!, '.npmrc')
  const { port } = proxy.address() as AddressInfo
  writeFileSync(npmrc, `registry=http://127.0.0.1:${port}\nfetch-retries=0\n`)
  await stage.daemon()
  const running = await agent()
  const torn = await machine.order('1.1.0')
  assert.equal(torn.error?.stage, 'download', JSON.stringify(torn))
  await undone(machine, running, torn, 'update_registry_unreachable')
  writeFileSync(npmrc, 'registry=http://127.0.0.1:1\nfetch-retries=0\n')
  const offline = await machine.order('1.1.0')
  assert.match(offline.error?.message ?? '', /cannot be reached: nothing listens there \(ECONNREFUSED\)/)
  await undone(machine, running, offline, 'update_registry_unreachable')
  cut = false
  writeFileSync(npmrc, `registry=http://127.0.0.1:${port}\n`)
  assert.equal((await machine.order('1.1.0')).state, 'succeeded')
})

test('a full disk leaves the old version intact', async (t) => {
  const size = 64 * 1024 * 1024
  await registry.release({
    version: '4.0.0',
    tag: 'large',
    files: { 'dist/large': [Buffer.alloc(size), 0o644] },
  })
  await registry.release({
    version: '4.0.1',
    tag: 'liar',
    manifest: { unpackedSize: 0 },
    files: { 'dist/large': [Buffer.alloc(size), 0o644] },
    unpackedSize: 1,
  })
  const machine = await Installation.open(t, registry, { diskMiB: 48 })
  await machine.hub()
  await machine.stage.daemon()
  const id = await machine.stage.start()
  const running = { id, pid: (await machine.stage.agent(id)).pid }
  const files = () =>
    execa('find', [
      machine.packageDir,
      '-type',
      'f',
      '-not',
      '-path',
      '*/.update/*',
      '-not',
      '-path',
      '*/compile-cache/*',
      '-exec',
      'cksum',
      '{}',
      '+',
    ])
  const before = (await files()).stdout
  const foreseen = await machine.order('large')
  assert.equal(foreseen.error?.stage, 'resolve')
  await undone(machine, running, foreseen, 'update_disk_full')
  await undone(machine, running, await machine.order('liar'), 'update_disk_full')
  assert.equal((await files()).stdout, before)
  assert.equal((await machine.order('1.1.0')).state, 'succeeded')
})

test('a release that fills the disk and crashes is undone without more disk space', async (t) => {
  const fill = `const fill = require('node:fs').openSync(__filename + '.fill', 'w')
try { for (;;) require('node:fs').writeSync(fill, Buffer.alloc(4096)) } catch {}
process.exit(1)`
  await registry.release({ version: '4.1.0', tag: 'filling', before: onStart(fill) })
  const machine = await Installation.open(t, registry, { diskMiB: 48 })
  await machine.hub()
  await machine.stage.daemon()
  const id = await machine.stage.start()
  const running = { id, pid: (await machine.stage.agent(id)).pid }
  await undone(machine, running, await machine.order('filling'), 'update_crashed')
})

test('a daemon that the server refuses as too old updates itself to the version that the server names', async (t) => {
  await registry.release({ version: '0.5.0', before: FAULT.old, tag: 'ancient' })
  const machine = await Installation.open(t, registry, { version: '0.5.0' })
  await machine.hub(built('1.1.0'))
  const daemon = machine.stage.run(machine.stage.daemonArgs(), {}, machine.stage.daemonCommand)
  await machine.runs('1.1.0')
  assert.equal(await daemon.ended, 0)
  assert.equal(machine.record().origin, 'refusal')
  assert.match(readFileSync(join(machine.stage.state, 'daemon.log'), 'utf8'), /needs 1 or newer/)
})

test('if updates are turned off on a machine, its user can still update the daemon, but a server cannot', async (t) => {
  const { machine, agent } = await withAgent(t, { FOMULAR_UPDATE_ENABLED: 'false' })
  await machine.stage.daemon()
  await undone(machine, await agent(), await machine.order('1.1.0'), 'update_refused')
  const { code, stderr } = await machine.run(['update', '1.1.0'])
  assert.equal(code, 0, stderr)
  await machine.runs('1.1.0')
})
