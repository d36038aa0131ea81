import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CommandError, Outcome } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import type { Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

type Refusable = Outcome & { error?: CommandError }

/** A machine with a policy file, which the test can replace. */
async function ruled(t: TestContext, text: string) {
  const dir = tempDir(t)
  const file = join(dir, 'policy.toml')
  const write = (next: string) => writeFileSync(file, `version = 1\n${next}\n`, { mode: 0o600 })
  write(text)
  const stage = await fakeStage(t, { FOMULAR_POLICY: file, SHOWN: 'shown', HIDDEN_ONE: 'hidden' })
  const refusal = (outcome: Refusable) => [outcome.state, outcome.error?.code, outcome.error?.path]
  const start = async (spec: object = {}) =>
    refusal(await stage.api<Refusable>('POST', '/api/agents', { spec: { cwd: stage.cwd, ...spec } }))
  const order = async (agent: string, name: string, body: object = {}) =>
    refusal((await stage.command(agent, name, body)) as Refusable)
  await stage.hub()
  await stage.daemon()
  return { stage, dir, file, write, start, order }
}

const by = (key: string) => ['failed', 'policy', key]
const DONE = ['succeeded', undefined, undefined]
const status = async (stage: Stage) => {
  const { policy_refused } = JSON.parse(
    await new Promise<string>((resolve) => {
      const run = stage.run(['status', '--json'])
      void run.ended.then(() => resolve(run.log()))
    }),
  )
  return policy_refused
}

test('a start that the policy does not permit is refused, and the refusal names the responsible policy key', async (t) => {
  const { stage, start } = await ruled(
    t,
    `permission_modes = ["default", "plan"]
     system_prompt = "append"
     [folders]
     deny = ["/etc"]
     [tools]
     allow = ["Read", "Bash(git status:*)"]
     [mcp]
     listed = [{ name = "docs", url = "https://docs.example.com/mcp" }]
     [environment]
     set = ["*"]`,
  )
  const docs = { type: 'http', url: 'https://docs.example.com/mcp' }
  const link = join(stage.dir, 'link')
  symlinkSync('/etc', link)
  for (const [spec, key] of [
    [{ cwd: '/etc' }, 'folders.deny'],
    [{ cwd: link }, 'folders.deny'],
    [{ cwd: `${stage.cwd}/../../../../../../../../etc/ssl` }, 'folders.deny'],
    [{ add_dirs: [link] }, 'folders.deny'],
    [{ permission_mode: 'bypassPermissions' }, 'permission_modes'],
    [{ allowed_tools: ['Read', 'Bash'] }, 'tools.allow'],
    [{ allowed_tools: ['Bash(git status:*)', 'Bash(git:*)'] }, 'tools.allow'],
    [{ allowed_tools: ['Read,Bash'] }, 'tools.allow'],
    [{ allowed_tools: ['Read Bash'] }, 'tools.allow'],
    [{ mcp_servers: { sh: { command: '/bin/sh', args: ['-c', 'id'] } } }, 'mcp.listed'],
    [{ mcp_servers: { docs: { ...docs, headers: { a: 'b' } } } }, 'mcp.listed'],
    [{ env: { LD_PRELOAD: '/tmp/x.so' } }, 'environment.set'],
    [{ env: { https_proxy: 'http://evil' } }, 'environment.set'],
    [{ env: { ANTHROPIC_BASE_URL: 'http://evil' } }, 'environment.set'],
    [{ system_prompt: { mode: 'replace', text: 'x' } }, 'system_prompt'],
  ] as const)
    assert.deepEqual(await start(spec), by(key), JSON.stringify(spec))
  assert.deepEqual(
    await start({
      permission_mode: 'plan',
      allowed_tools: ['Read', 'Read(./src/**)', 'Bash(git status:*)'],
      mcp_servers: { docs },
      env: { MY_SETTING: '1' },
      system_prompt: { mode: 'append', text: 'x' },
    }),
    DONE,
  )
  assert.deepEqual(await status(stage), {
    'folders.deny': 4,
    permission_modes: 1,
    'tools.allow': 4,
    'mcp.listed': 2,
    'environment.set': 3,
    system_prompt: 1,
  })
})

test('the policy applies to running agents, to answers to their permission requests, and to resumed agents', async (t) => {
  const { stage, write, start, order } = await ruled(t, '')
  assert.deepEqual(await start({ permission_mode: 'bypassPermissions' }), by('permission_modes'))
  const agent = await stage.start({ prompt: 'ask' })
  assert.deepEqual(await order(agent, 'configure', { permission_mode: 'auto' }), by('permission_modes'))
  const { pending } = await stage.agentIs(agent, 'waiting')
  const remember = pending[0]?.suggestions ?? []
  const answer = { request_id: pending[0]?.request_id, decision: 'allow' }
  if (remember.length > 0) {
    const [, , key] = await order(agent, 'permission', { ...answer, remember })
    assert.match(key ?? '', /^(tools\.allow|permission_modes)$/)
  }
  assert.deepEqual(await order(agent, 'permission', answer), DONE)
  await stage.agentIs(agent, 'idle')

  write('permission_modes = ["plan"]')
  await stage.agentIs(agent, ({ permission_mode }) => permission_mode === 'plan')
  write('[folders]\nallow = ["/srv"]')
  await stage.command(agent, 'stop')
  assert.deepEqual(await order(agent, 'resume'), by('folders.allow'))
  write('')
  assert.deepEqual(await order(agent, 'resume'), DONE)
})

test('an agent that leaves the permitted modes by itself is set back to a permitted mode, and is stopped after several such changes', async (t) => {
  const { stage } = await ruled(t, '')
  const agent = await stage.start({ prompt: 'hello' })
  await stage.agentIs(
    agent,
    ({ state, permission_mode }) => state === 'idle' && permission_mode === 'default',
  )
  const leaves = JSON.stringify({
    type: 'system',
    subtype: 'status',
    status: null,
    permissionMode: 'bypassPermissions',
  })
  const setBacks = () =>
    readFileSync(join(stage.state, 'daemon.log'), 'utf8').split('"set":"default"').length - 1
  for (let n = 1; n <= 3; n++) {
    await stage.command(agent, 'prompt', { content: `line ${leaves}` })
    await until(() => setBacks() === n, { what: `set back number ${n}` })
    await stage.agentIs(
      agent,
      ({ permission_mode, state }) => state === 'idle' && permission_mode === 'default',
    )
  }
  await stage.command(agent, 'prompt', { content: `line ${leaves}` })
  const { exit } = await stage.agentIs(agent, ({ exit }) => exit?.detail !== undefined)
  assert.match(exit?.detail ?? '', /policy does not permit the agent's permission mode bypassPermissions/)
})

test('with an unreadable policy, the daemon starts nothing and reports the problem, but still stops agents', async (t) => {
  const { stage, file, write, start, order } = await ruled(t, '')
  const agent = await stage.start()
  for (const breakIt of [
    () => write('permision_modes = []'),
    () => writeFileSync(file, 'version = ['),
    () => write('') ?? chmodSync(file, 0o666),
    () => rmSync(file),
  ]) {
    breakIt()
    assert.deepEqual(await start(), by('policy'))
    assert.deepEqual(await order(agent, 'prompt', { content: 'hello' }), by('policy'))
    const machine = await until(async () => {
      const found = await stage.machine()
      return found?.status?.problems.find(({ code }) => code === 'policy_unreadable') && found
    })
    assert.equal(machine.status?.policy?.state, 'unreadable')
    rmSync(file, { force: true })
    write('')
    assert.deepEqual(await order(agent, 'prompt', { content: 'hello' }), DONE)
    await until(async () => (await stage.machine())?.status?.policy?.state === 'file')
  }
  writeFileSync(file, 'nonsense')
  assert.deepEqual(await order(agent, 'stop'), DONE)
})

test('agents inherit only the variables that the policy names, and start in a permitted mode with a list of denied tools', async (t) => {
  const { stage } = await ruled(
    t,
    `permission_modes = ["plan", "default"]
     [tools]
     deny = ["WebFetch"]
     [environment]
     inherit = ["SHOWN", "TEST_*"]`,
  )
  const agent = await stage.start({ disallowed_tools: ['Bash'] })
  const [{ pid } = { pid: 0 }] = stage.agentProcesses(agent)
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  assert.ok(environment.includes('SHOWN=shown'))
  assert.ok(environment.some((line) => line.startsWith('PATH=')))
  assert.ok(
    !environment.some((line) => line.startsWith('HIDDEN_ONE=') || line.startsWith('FOMULAR_CLAUDE_PATH=')),
  )
  const commands = stage
    .agentProcesses(agent)
    .map((each) => readFileSync(`/proc/${each.pid}/cmdline`, 'utf8'))
  assert.ok(
    commands.some(
      (line) => line.includes('--disallowedTools=WebFetch,Bash') && line.includes('--permission-mode=plan'),
    ),
  )
})

test('the policy limits the number of agents and the starts per hour, even if the daemon restarts', async (t) => {
  const { stage, start, order, write } = await ruled(t, '[limits]\nagents = 1\nstarts_per_hour = 3')
  const agent = await stage.start()
  assert.deepEqual(await start(), by('limits.agents'))
  await stage.command(agent, 'stop')
  assert.deepEqual(await order(agent, 'resume'), DONE)
  await stage.command(agent, 'stop')
  await stage.renew()
  assert.deepEqual(await order(agent, 'resume'), DONE)
  await stage.command(agent, 'stop')
  assert.deepEqual(await start(), by('limits.starts_per_hour'))
  write('[limits]\nstarts_per_hour = 4')
  assert.deepEqual(await start(), DONE)
})

test('a gate program on the machine reads each command, and can refuse the command with a reason', async (t) => {
  const { stage, dir, file, write, start, order } = await ruled(t, '')
  const program = join(dir, 'gate')
  const seen = join(dir, 'seen')
  const gate = (script: string, mode = 0o700) => {
    writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode })
    chmodSync(program, mode)
    write(`gate = { program = "${program}", timeout_s = 1 }`)
  }
  gate(
    `tee -a ${seen} | grep -q forbidden || exit 0; printf '\\n  No \\033[31mforbidden words.\\n' >&2; exit 3`,
  )
  const agent = await stage.start({ title: 'fine' })
  const refused = (await stage.command(agent, 'prompt', { content: 'forbidden' })) as Refusable
  assert.deepEqual([refused.error?.code, refused.error?.path], ['policy', 'gate'])
  assert.match(refused.error?.message ?? '', /: No \\u001b\[31mforbidden words\.$/)
  assert.deepEqual(await order(agent, 'prompt', { content: 'permitted' }), DONE)
  const lines = readFileSync(seen, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map(({ type }) => type),
    ['agent:start', 'agent:prompt', 'agent:prompt'],
  )
  assert.equal(lines[0].spec.title, 'fine')

  gate(`printf 'version = 1\n[commands]\ndeny = ["agent:prompt"]\n' > ${file}`)
  assert.deepEqual(await order(agent, 'prompt', { content: 'late' }), by('commands.deny'))
  gate('sleep 60')
  assert.deepEqual(await start(), by('gate'))
  assert.deepEqual(await order(agent, 'interrupt'), DONE)
  gate('exit 0', 0o722)
  assert.deepEqual(await start(), by('gate'))
  gate('exit 0', 0o600)
  assert.deepEqual(await start(), by('gate'))
  rmSync(program)
  assert.deepEqual(await start(), by('gate'))
  gate('exit 0')
  assert.deepEqual(await start(), DONE)
})

test('the daemon refuses the commands and updates that the policy does not permit', async (t) => {
  const { stage, write } = await ruled(t, '[commands]\ndeny = ["daemon:restart", "agent:prompt"]')
  const machine = (await stage.machine())!.machine_id
  const order = async (name: string, body: object = {}) => {
    const { state, error } = await stage.api<Refusable>('POST', `/api/machines/${machine}/${name}`, body)
    return [state, error?.code, error?.path]
  }
  assert.deepEqual(await order('restart'), by('commands.deny'))
  write('[update]\nallow = false')
  assert.deepEqual(await order('update', { version: '9.9.9' }), by('update.allow'))
  write('[update]\nversions = "<9"')
  assert.deepEqual(await order('update', { version: '9.9.9' }), by('update.versions'))
})

test('a link that changes between the command and the launch does not lead an agent into a denied folder', async (t) => {
  const { stage, start } = await ruled(t, '[folders]\ndeny = ["/etc"]')
  const real = join(stage.dir, 'real')
  mkdirSync(real)
  const link = join(stage.dir, 'link')
  symlinkSync(real, link)
  // The machine starts a limited number of agents at once, so the other starts wait.
  mkdirSync(join(stage.env.HOME!, '.fake-agent'), { recursive: true })
  writeFileSync(join(stage.env.HOME!, '.fake-agent/slow'), '')
  const waiting = Array.from({ length: 12 }, () => start({ cwd: link }))
  await until(async () => {
    const { agents } = await stage.api<{ agents: { queued?: object }[] }>('GET', '/api/agents')
    return agents.length === 12 && agents.some(({ queued }) => queued)
  })
  rmSync(link)
  symlinkSync('/etc', link)
  rmSync(join(stage.env.HOME!, '.fake-agent/slow'))
  const outcomes = await Promise.all(waiting)
  assert.ok(outcomes.some(([state]) => state === 'succeeded'))
  const refused = outcomes.filter(([state]) => state !== 'succeeded')
  assert.ok(refused.length > 0)
  for (const outcome of refused) assert.deepEqual(outcome, by('folders.deny'))
})
