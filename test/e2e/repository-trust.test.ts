import assert from 'node:assert/strict'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CommandError, HubAgent, Outcome } from '../../src/protocol/index.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { mock } from '../support/messages-script.ts'
import type { Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

type Ended = Outcome & { error?: CommandError }

/** Writes startup files into a stage's folder. Each program in them creates a file when it runs. */
function repository(stage: Stage) {
  const mark = (name: string) => join(stage.dir, `ran-${name}`)
  const names = ['hook', 'local', 'mcp', 'above']
  const hooks = (name: string) =>
    JSON.stringify({
      hooks: { SessionStart: [{ hooks: [{ type: 'command', command: `touch '${mark(name)}'` }] }] },
    })
  const server = (name: string) =>
    JSON.stringify({ mcpServers: { [name]: { command: '/bin/sh', args: ['-c', `touch '${mark(name)}'`] } } })
  const put = (path: string, text: string) => {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text)
  }
  put(
    join(stage.cwd, '.claude/settings.json'),
    JSON.stringify({ ...JSON.parse(hooks('hook')), enableAllProjectMcpServers: true }),
  )
  put(join(stage.cwd, '.claude/settings.local.json'), hooks('local'))
  put(join(stage.cwd, '.mcp.json'), server('mcp'))
  put(join(stage.dir, '.mcp.json'), server('above'))
  return {
    put,
    names,
    /** Returns the names of the programs that have run since the last call. */
    ran() {
      const found = names.filter((name) => existsSync(mark(name)))
      for (const name of found) rmSync(mark(name))
      return found
    },
  }
}

/** Opens a hub and a machine with a policy. */
async function ruled(t: TestContext, policy: string, open: typeof fakeStage) {
  const file = join(tempDir(t), 'policy.toml')
  writeFileSync(file, `version = 1\n${policy}\n`, { mode: 0o600 })
  const stage = await open(t, { FOMULAR_POLICY: file })
  const files = repository(stage)
  await stage.hub()
  await stage.daemon()
  return { stage, files }
}

/** Starts an agent, and waits until it asks for permission. Also returns a promise of the start's outcome. */
async function starting(stage: Stage, agentId: string, spec: object = {}) {
  const outcome = stage.api<Ended>('POST', '/api/agents?wait=120', {
    agent_id: agentId,
    spec: { cwd: stage.cwd, ...spec },
  })
  return { outcome, agent: await asking(stage, agentId) }
}

const asking = (stage: Stage, agentId: string) =>
  until(
    async () => {
      const agent = (await stage.agent(agentId)) as Partial<HubAgent>
      return agent.pending?.length ? (agent as HubAgent) : undefined
    },
    { what: 'the request' },
  )

const decide = (stage: Stage, { agent_id, pending }: HubAgent, decision: 'allow' | 'deny') =>
  stage.command(agent_id, 'permission', {
    request_id: pending[0]!.request_id,
    digest: pending[0]!.digest,
    decision,
  }) as Promise<Ended>

const outcomeOf = async (stage: Stage, outcome: Promise<Ended>) => {
  let latest = await outcome
  while (latest.state === 'pending')
    latest = await stage.api<Ended>('GET', `/api/commands/${latest.command_id}?wait=30`)
  return [latest.state, latest.error?.code, latest.error?.path]
}

const DONE = ['succeeded', undefined, undefined]
const REFUSED = ['failed', 'policy', 'repository_trust']

test('an agent waits for permission to use startup files, even across a restart of the daemon, and asks again if the files change', async (t) => {
  const { stage, files } = await ruled(t, '', fakeStage)
  const first = await starting(stage, 'one')
  const [request] = first.agent.pending
  assert.equal(first.agent.state, 'starting')
  assert.match(first.agent.queued?.reason ?? '', /a person permits/)
  assert.deepEqual([request!.ask, request!.tool, request!.cut], ['tool', 'TrustRepository', undefined])
  assert.deepEqual(
    (request!.input.files as { path: string }[]).map(({ path }) => path.slice(stage.dir.length + 1)),
    ['work/.mcp.json', 'work/.claude/settings.json', 'work/.claude/settings.local.json', '.mcp.json'],
  )
  assert.match(JSON.stringify(request!.input), /ran-hook/)

  await stage.renew()
  const again = await asking(stage, 'one')
  assert.equal(again.pid, undefined)
  assert.equal(again.pending[0]!.digest, request!.digest)
  const approved = stage.run(['agent', 'approve', 'one', ...(await stage.asked('one'))])
  assert.equal(await approved.ended, 0, approved.log())
  assert.deepEqual(await outcomeOf(stage, first.outcome), DONE)
  await stage.agentIs('one', 'idle')

  await stage.start({})
  files.put(join(stage.cwd, '.mcp.json'), '{}')
  await stage.command('one', 'stop')
  const resumed = stage.command('one', 'resume') as Promise<Ended>
  const changed = await asking(stage, 'one')
  assert.notEqual(changed.pending[0]!.digest, request!.digest)
  const late = (await stage.command('one', 'permission', {
    request_id: changed.pending[0]!.request_id,
    digest: request!.digest,
    decision: 'allow',
  })) as Ended
  assert.equal(late.error?.code, 'request_changed')
  const other = (await stage.command('one', 'permission', {
    request_id: changed.pending[0]!.request_id,
    digest: changed.pending[0]!.digest,
    decision: 'allow',
    input: request!.input,
  })) as Ended
  assert.deepEqual([other.error?.code, other.error?.path], ['request_changed', 'input'])
  assert.equal((await decide(stage, changed, 'allow')).state, 'succeeded')
  assert.deepEqual(await outcomeOf(stage, resumed), DONE)
})

test('a start that waits for permission can be refused, stopped, and removed', async (t) => {
  const { stage } = await ruled(t, '', fakeStage)
  const refused = await starting(stage, 'refused')
  assert.equal((await decide(stage, refused.agent, 'deny')).state, 'succeeded')
  assert.deepEqual(await outcomeOf(stage, refused.outcome), REFUSED)

  const stopped = await starting(stage, 'stopped')
  assert.equal((await stage.command('stopped', 'stop')).state, 'succeeded')
  assert.equal((await outcomeOf(stage, stopped.outcome))[0], 'failed')
  const { pending } = await stage.agentIs('stopped', ({ state }) => state === 'failed' || state === 'exited')
  assert.deepEqual(pending, [])

  const removed = await starting(stage, 'removed')
  assert.equal((await stage.command('removed', 'remove', { force: true })).state, 'succeeded')
  assert.equal((await outcomeOf(stage, removed.outcome))[0], 'failed')
})

/** Opens a stage with the real Claude Code. */
const realStage: typeof fakeStage = async (t, env = {}) => (await claudeStage(t, undefined, env)).stage

test('Claude Code runs the programs of a folder only if a person permits them, and never after a refusal', async (t) => {
  const { stage, files } = await ruled(t, '', realStage)
  const refused = await starting(stage, 'refused', { prompt: mock([{ text: 'never' }]) })
  await decide(stage, refused.agent, 'deny')
  assert.deepEqual(await outcomeOf(stage, refused.outcome), REFUSED)
  const allowed = await starting(stage, 'allowed', { prompt: mock([{ text: 'done' }]) })
  assert.deepEqual(files.ran(), [])
  await decide(stage, allowed.agent, 'allow')
  assert.deepEqual(await outcomeOf(stage, allowed.outcome), DONE)
  await stage.agentIs('allowed', 'idle')
  assert.deepEqual(files.ran(), files.names)
})

test('Claude Code ignores the startup files of a folder that is not listed, and the agent’s status says that they are ignored', async (t) => {
  const { stage, files } = await ruled(t, 'repository_trust = "listed"', realStage)
  const agent = await stage.start({ prompt: mock([{ text: 'done' }]) })
  const { problems } = await stage.agentIs(agent, 'idle')
  assert.deepEqual(
    problems?.map(({ kind, status }) => [kind, status]),
    [['startup_files', 'ignored']],
  )
  assert.deepEqual(files.ran(), [])
})
