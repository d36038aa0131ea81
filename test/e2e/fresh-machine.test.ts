import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { HubAgent, HubMachine } from '../../src/protocol/index.ts'
import { Booted } from '../support/booted.ts'
import { realRelease } from '../support/real-release.ts'
import { until } from '../support/wait.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const platform = `linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`
const executable = `fomular-daemon-${platform}`

test('the executable needs no Node, ignores Node’s options, and matches its manifest', async () => {
  const dir = join(await realRelease(platform), version)
  const run = (args: string[], env: Record<string, string> = {}) =>
    execa(join(dir, executable), args, { env: { PATH: '/nowhere', ...env }, extendEnv: false })
  assert.equal((await run(['--version'])).stdout, version)
  assert.equal((await run(['--version'], { NODE_OPTIONS: '--no-such-option' })).stdout, version)
  const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'))
  assert.deepEqual(
    manifest.files.map(({ name }: { name: string }) => name).sort(),
    [
      'CHANGELOG.md',
      executable,
      `${executable}.gz`,
      `fomular-daemon_${version}_${process.arch === 'arm64' ? 'arm64' : 'amd64'}.deb`,
      `fomular-os-daemon-${platform}-${version}.tgz`,
      `fomular-os-daemon-${version}.tgz`,
      'sbom.cdx.json',
    ].sort(),
  )
  for (const { name, size, sha256 } of manifest.files) {
    const data = readFileSync(join(dir, name))
    assert.deepEqual([data.length, createHash('sha256').update(data).digest('hex')], [size, sha256], name)
  }
  const bom = JSON.parse(readFileSync(join(dir, 'sbom.cdx.json'), 'utf8'))
  const names = bom.components.map(({ name }: { name: string }) => name)
  for (const name of ['node', 'ws', 'commander', 'pino', 'hono', 'zod']) assert.ok(names.includes(name), name)
})

test('one pasted line sets up a machine without Node, and an uninstall leaves nothing behind', async (t) => {
  const releases = await realRelease(platform)
  const machine = await Booted.boot(t, {
    '/srv/releases': releases,
    // This Node only runs the stand-in for Claude Code, and is not on PATH.
    '/opt/test/node': process.execPath,
    '/opt/test/support': fileURLToPath(new URL('../support', import.meta.url)),
  })
  const claude = '#!/bin/sh\nexec /opt/test/node /opt/test/support/fake-agent-program.ts "$@"\n'
  writeFileSync(join(machine.root, 'usr/local/bin/claude'), claude, { mode: 0o755 })
  const before = await machine.out([
    'sh',
    '-c',
    'find / -xdev -path /proc -prune -o -name "*fomular*" -print',
  ])

  // The hub, on the same machine and from the same release.
  const hubProgram = `/srv/releases/${version}/${executable}`
  await machine.out(['sh', '-c', 'mkdir -p -m 700 /var/lib/hub && ln -s /srv/releases /var/lib/hub/releases'])
  await machine.out(['systemd-run', '--quiet', '--unit=hub', hubProgram, 'hub', '--data-dir', '/var/lib/hub'])
  const HUB = ['--hub', 'http://127.0.0.1:3001', '--hub-key-file', '/var/lib/hub/user.key', '--json']
  // Commands record the hub's owner in their own state folder.
  const operator = ['env', 'FOMULAR_STATE_DIR=/tmp/operator', hubProgram]
  const hub = async <T>(...args: string[]): Promise<T> =>
    JSON.parse(await machine.out([...operator, ...args, ...HUB])) as T
  await until(async () => (await machine.run([...operator, 'machine', 'list', ...HUB])).code === 0, {
    what: 'the hub',
  })
  const connected = async () =>
    (await hub<{ machines: HubMachine[] }>('machine', 'list')).machines.find((each) => each.connected)

  const { install, token } = await hub<{ install: string; token: string }>(
    'machine',
    'add',
    '--name',
    'fresh',
  )
  assert.match(install, /^echo fet_\S+ \| sh -c '.*' http:\/\/127\.0\.0\.1:3001\/install\.sh$/)
  const said = await machine.out(['sh', '-c', install])
  assert.match(said, new RegExp(`fomular-daemon ${version} is installed in /opt/fomular`))
  assert.match(said, /This machine is enrolled at http:\/\/127\.0\.0\.1:3001/)
  const found = await until(connected, { what: 'the machine at the hub' })
  assert.deepEqual([found.name, found.os, found.daemon_version], ['fresh', 'linux', version])
  assert.equal((await machine.out(['systemctl', 'is-active', 'fomular-daemon'])).trim(), 'active')
  assert.equal((await machine.run(['sh', '-c', 'command -v node'])).code, 127)

  writeFileSync(join(machine.root, 'tmp/token'), token)
  const leaks = await machine.run([
    'sh',
    '-c',
    `cd /proc; grep -l -a -f /tmp/token [0-9]*/cmdline [0-9]*/environ 2>/dev/null
    journalctl --no-pager | grep -f /tmp/token; grep -r -f /tmp/token /root /opt/fomular /etc /var/lib/hub`,
  ])
  assert.equal(leaks.stdout, '')

  const { agent_id } = await hub<{ agent_id: string }>('agent', 'start', '--prompt', 'hello', '--cwd', '/tmp')
  const agent = async () =>
    (await hub<{ agents: HubAgent[] }>('agent', 'list')).agents.find((each) => each.agent_id === agent_id)
  const idle = () =>
    until(async () => ((await agent())?.state === 'idle' ? agent() : undefined), { what: 'the agent' })
  const first = await idle()
  await machine.out(['fomular-daemon', 'service', 'restart'])
  await until(async () => ((await connected())?.since ?? found.since) !== found.since, {
    what: 'the next daemon',
  })
  assert.equal((await idle())?.pid, first?.pid, 'the agent lives on')

  const again = await machine.out(['sh', '-c', install])
  assert.match(
    again,
    /is already installed[\s\S]*is already enrolled at http:\/\/127\.0\.0\.1:3001 as fresh\./,
  )
  assert.equal((await idle())?.pid, first?.pid)
  await machine.out([
    'sh',
    '-c',
    'curl -fsSL http://127.0.0.1:3001/install.sh | sh -s -- --uninstall --purge',
  ])
  assert.equal(await connected(), undefined)
  assert.equal((await machine.run(['systemctl', 'cat', 'fomular-daemon'])).code, 1)
  const after = await machine.out(['sh', '-c', 'find / -xdev -path /proc -prune -o -name "*fomular*" -print'])
  assert.equal(after, before)
})
