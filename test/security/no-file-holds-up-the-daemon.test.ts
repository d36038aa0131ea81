// Needs: root
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { agentsIn, leftAgent } from '../support/agents.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { type Caller, LightServer } from '../support/light-server.ts'
import { tempDir } from '../support/temp.ts'

const NOBODY = 65534
const AGENT_FILES = [
  'spec.json',
  'run.json',
  'process.json',
  'exit.json',
  'cursor.json',
  'generations.json',
  'inputs.jsonl',
  'activity.jsonl',
  'stderr.log',
  'lease',
  'bell',
  'in',
  'fed',
  'claude',
]
const STATE_FILES = [
  'ledger.jsonl',
  'daemon.log',
  'daemon.sock',
  'lock',
  'machine.json',
  'runtimes.json',
  'place.json',
  'update.json',
  'confirmed.json',
  'format.json',
  'modes.json',
  'x.4194305.tmp',
]

/** Replacements that an agent can put in the place of a file. Agents run as the daemon's user. */
const KINDS: Record<string, (path: string) => void | Promise<void>> = {
  'a pipe': (path) => void execFileSync('mkfifo', [path]),
  'a folder': (path) => void mkdirSync(join(path, 'full'), { recursive: true }),
  'a socket': async (path) => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(`${path}.`, resolve))
    execFileSync('mv', ['-T', `${path}.`, path])
    server.close()
  },
  'a link to a device': (path) => void symlinkSync('/dev/zero', path),
  'a link to itself': (path) => void symlinkSync(path, path),
  'a dangling link': (path) => void symlinkSync('/nowhere/at/all', path),
  'text of a newer version': (path) => writeFileSync(path, '{"version":2}'),
}

for (const [kind, put] of Object.entries(KINDS))
  test(`if a file of an agent is replaced with ${kind}, the daemon and other agents are not affected`, async (t) => {
    const stage = await fakeStage(t)
    const server = await LightServer.open(t)
    const daemon = server.daemon(stage)
    const caller = await server.caller()
    await caller.welcome()
    const spec = { cwd: stage.cwd }
    for (const agent_id of ['ill', 'well'])
      await caller.command('agent:start', {
        agent_id,
        spec: { ...spec, ...(agent_id === 'ill' && { lease: { action: 'stop', after_s: 600 } }) },
      })
    const agents = join(stage.state, 'agents')
    const replace = async (path: string) => {
      rmSync(path, { recursive: true, force: true })
      await put(path)
    }
    const isWell = async (at: Caller, when: string) => {
      const { ok } = await at.command('agent:prompt', { agent_id: 'well', content: 'hello' })
      assert.equal(ok, true, when)
    }
    await replace(join(agents, 'ill/inputs.jsonl'))
    await caller.command('agent:prompt', { agent_id: 'ill', content: 'hello' })
    await isWell(caller, 'while the agent runs')

    await caller.command('agent:stop', { agent_id: 'ill' })
    for (const name of ['lease', 'activity.jsonl', 'stderr.log', `run.json.${daemon.pid}.tmp`])
      await replace(join(agents, 'ill', name))
    caller.send({ type: 'agent:resume', command_id: 'resume', agent_id: 'ill' })
    await isWell(caller, 'when it was resumed')

    daemon.kill('SIGKILL')
    await daemon.ended
    for (const name of AGENT_FILES) {
      const { at, started } = leftAgent(agents, `ill-${name.replace('.', '-')}`)
      started()
      await replace(at(name))
    }
    const known = kind === 'text of a newer version' ? [] : STATE_FILES
    for (const name of known) await replace(join(stage.state, name))
    const next = server.daemon(stage)
    const again = await server.caller(2).catch((error) => {
      throw new Error(`${error.message}\n${next.log()}`)
    })
    const hello = await again.welcome()
    assert.ok((hello.agents as { agent_id: string }[]).some(({ agent_id }) => agent_id === 'well'))
    await isWell(again, 'after a restart')
  })

test("if an agent removes the daemon's read permission on its folder, the folder is moved aside, and other agents are adopted", (t) => {
  const dir = tempDir(t)
  const left = Object.fromEntries(
    ['well', 'ill-spec', 'ill-link', 'ill-in', 'ill-folder'].map((id) => {
      const { at, started, exited } = leftAgent(dir, id)
      started()
      exited()
      return [id, at]
    }),
  )
  rmSync(left['ill-link']!('run.json'))
  symlinkSync('/etc/shadow', left['ill-link']!('run.json'))
  execFileSync('chown', ['-Rh', String(NOBODY), dir])
  chmodSync(left['ill-spec']!('spec.json'), 0)
  chmodSync(left['ill-in']!('in'), 0)
  chmodSync(left['ill-folder']!(''), 0)
  const damaged: string[] = []
  const agents = agentsIn(dir, { onDamaged: (path) => damaged.push(path) })
  process.seteuid?.(NOBODY)
  try {
    agents.adopt()
  } finally {
    process.seteuid?.(0)
  }
  t.after(() => agents.close())
  assert.deepEqual(
    [...agents].map(({ id }) => id),
    ['well'],
  )
  assert.equal(damaged.length, 4)

  // If a file belongs to another user, only that user or an administrator can fix the problem.
  const theirs = tempDir(t)
  const { at } = leftAgent(theirs, 'a')
  execFileSync('chown', ['-Rh', String(NOBODY), theirs])
  chownSync(at('spec.json'), 0, 0)
  chmodSync(at('spec.json'), 0o600)
  process.seteuid?.(NOBODY)
  try {
    assert.throws(() => agentsIn(theirs).adopt(), { code: 'unreadable' })
  } finally {
    process.seteuid?.(0)
  }
  assert.ok(existsSync(at('spec.json')) && readdirSync(theirs).includes('a'))
})
