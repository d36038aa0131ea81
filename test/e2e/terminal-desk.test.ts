import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { AskingMachines } from '../support/asking-machines.ts'
import { requestFor } from '../support/scripted-agent.ts'
import { RUN, Stage } from '../support/stage.ts'
import { Terminal } from '../support/terminal.ts'
import { until } from '../support/wait.ts'

const LS = requestFor('ls', { command: 'ls -la' })
const EDIT = requestFor(
  'edit',
  { file_path: '/srv/two/x', old_string: 'a\nb', new_string: 'a\nc' },
  { tool: 'Edit' },
)

test('the desk lists the requests of all machines, and asks about one after the other', async (t) => {
  const machines = await AskingMachines.open(t)
  await machines.pends('one', LS)
  await machines.pends('two', EDIT)
  const terminal = await machines.terminal()
  await terminal.begin('fd agent watch')
  await terminal.shows(
    /2 requests wait for you:\n +AGENT +MACHINE +WAITS FOR +FOR +FOLDER\n +one +alpha +Bash +\d+ s +\/srv\/one\n +two +beta +Edit +\d+ s +\/srv\/two\n\n— one on alpha, in \/srv\/one, waits for \d+ s \(1 more\)\n\? asks to use Bash: ls -la\n +y yes, n no, s skip, o open, q quit, or type what to do instead> $/,
  )
  await terminal.type('s')
  await terminal.shows(
    /— two on beta, in \/srv\/two, waits for \d+ s\n\? asks to use Edit: \/srv\/two\/x\n {4}a\n {2}- b\n {2}\+ c\n.*instead> $/,
  )
  await terminal.type('rather not')
  const denied = await machines.answered('two')
  assert.deepEqual(
    denied.type === 'agent:permission' && [denied.request_id, denied.digest, denied.decision, denied.message],
    ['edit', EDIT.digest, 'deny', 'rather not'],
  )
  await terminal.shows(/You skipped 1\. Working: two \(beta\)\. Enter asks again, .* q quits> $/)
  await terminal.type('')
  await terminal.shows(/one on alpha.*\n\? asks to use Bash: ls -la\n.*instead> $/)
  await terminal.type('y')
  assert.equal((await machines.answered('one')).request_id, 'ls')
  await terminal.shows(/Nothing waits for you\. Working: .*one \(alpha\).*> $/)
  await terminal.type('')
  await terminal.shows(/AGENT +MACHINE +STATE[\s\S]* one +alpha +working[\s\S]*> $/)
  await terminal.type('q')
  assert.equal((await terminal.over()).code, 0)
})

test('the desk settles a request at once that another person answers, and asks as soon as something waits', async (t) => {
  const machines = await AskingMachines.open(t)
  await machines.pends('one', LS)
  const terminal = await machines.terminal()
  await terminal.begin('fd agent watch --machine alpha')
  await terminal.shows(/Bash: ls -la\n.*instead> $/)
  await machines.pends('two', EDIT)
  const answer = machines.answered('one')
  await machines.hub.api('POST', '/api/agents/one/permission', { request_id: 'ls', decision: 'allow' })
  await answer
  await terminal.shows(/\(no longer asked\)\n +Nothing waits for you\. Working: one \(alpha\)\..*> $/)
  await machines.pends('one', requestFor('next', { command: 'pwd' }))
  await terminal.shows(/one on alpha.*\n\? asks to use Bash: pwd\n.*instead> $/)
  // The agent of the other machine does not count.
  assert.doesNotMatch(await terminal.screen(), /srv\/two/)
  await terminal.press('C-c')
  assert.equal((await terminal.over()).code, 130)
})

test('the desk finds requests that a status leaves out, and says what to do about the others', async (t) => {
  const machines = await AskingMachines.open(t)
  const more = requestFor('more', { command: 'pwd' })
  await machines.tells('one', { kind: 'permission_request', ...LS }, { kind: 'permission_request', ...more })
  await machines.tells('one', { kind: 'permission_withdrawn', request_id: 'more' })
  await machines.status('one', { state: 'waiting', pending_omitted: 2 })
  const listed = machines.stage.run(['agent', 'list', '--waiting'])
  assert.equal(await listed.ended, 0)
  assert.match(listed.log(), /^one +waiting/m)
  const terminal = await machines.terminal()
  await terminal.begin('fd agent watch')
  await terminal.shows(/2 requests wait for you:\n.*\n +one +alpha +2 not listed/)
  await terminal.shows(
    /one has 1 request that was not found: .* agent interrupt one\n[\s\S]*Bash: ls -la\n.*instead> $/,
  )
  await terminal.type('y')
  const answer = await machines.answered('one')
  assert.deepEqual([answer.request_id, answer.digest], ['ls', LS.digest])
  await terminal.shows(/Nothing waits for you\. .*> $/)
  await machines.tells('two', { kind: 'permission_request', ...EDIT })
  await machines.status('two', { state: 'waiting', pending_omitted: 1 })
  await terminal.shows(/two on beta.*\n\? asks to use Edit[\s\S]*instead> $/)
  await terminal.type('q')
  assert.equal((await terminal.over()).code, 0)
  const shown = machines.stage.run(['agent', 'show', 'two'])
  assert.equal(await shown.ended, 0)
  assert.match(shown.log(), /asks to use Edit/)
  const denied = machines.stage.run(['agent', 'deny', 'two'])
  assert.equal((await machines.answered('two')).request_id, 'edit')
  assert.equal(await denied.ended, 0, denied.log())
})

test('the desk shows requests whose machine is not connected, and asks when it is back', async (t) => {
  const machines = await AskingMachines.open(t)
  await machines.pends('one', LS)
  const terminal = await machines.terminal()
  await terminal.begin('fd agent watch')
  await terminal.shows(/Bash: ls -la\n.*instead> $/)
  const watch = machines.stage.run(['agent', 'watch', '--json'])
  await until(() => watch.log().includes('"connected":true'), { what: 'the request' })
  await machines.leave('one')
  await terminal.shows(
    /\(its machine is no longer connected\)\n +1 request must wait: alpha is not connected\. Enter lists .*> $/,
  )
  await until(() => watch.log().split('\n').length > 2, { what: 'a second line' })
  const lines = watch
    .log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map(({ event, connected }) => [event, connected]),
    [
      ['waiting', true],
      ['waiting', false],
    ],
  )
  await terminal.type('')
  await terminal.shows(/1 request must wait: alpha is not connected\.\n +AGENT .*\n +one +alpha +Bash/)
  await machines.back('one', LS)
  await terminal.shows(/one on alpha.*\n\? asks to use Bash: ls -la\n.*instead> $/)
  await terminal.type('q')
  assert.equal((await terminal.over()).code, 0)
})

test('the answer “always” shows the rule in a second step', async (t) => {
  const machines = await AskingMachines.open(t)
  const rule = {
    type: 'addRules',
    rules: [{ toolName: 'Bash', ruleContent: 'ls:*' }],
    behavior: 'allow',
    destination: 'session',
  }
  await machines.pends('one', { ...LS, suggestions: [rule] })
  const terminal = await machines.terminal()
  await terminal.begin('fd agent watch')
  await terminal.shows(/y yes, n no, a always, s skip.*> $/)
  await terminal.type('a')
  await terminal.shows(/Allow Bash\(ls:\*\) until the session ends\? y\/N> $/)
  await terminal.type('n')
  await terminal.shows(/Nothing to remember\. Type y to allow it once\.\n.*> $/)
  await terminal.type('a')
  await terminal.shows(/Allow Bash\(ls:\*\) until the session ends\? y\/N> $/)
  await terminal.type('y')
  const answer = await machines.answered('one')
  assert.deepEqual(answer.type === 'agent:permission' && answer.remember, [rule])
  await terminal.shows(/Remembered: Bash\(ls:\*\), for this session\n/)
})

test('the desk says when the connection to the hub is lost, and continues when it is back', async (t) => {
  const stage = await Stage.open(t)
  const hub = await stage.hub()
  const terminal = await Terminal.open(t, stage)
  await terminal.begin('fd agent watch')
  await terminal.shows(/Nothing waits for you\. No agent works\. .*> $/)
  hub.kill('SIGKILL')
  await terminal.shows(/Lost the connection to the hub\. Reconnecting… q quits> $/)
  await stage.hub()
  await terminal.shows(/Nothing waits for you\. No agent works\. .*> $/)
  await terminal.press('C-d')
  assert.equal((await terminal.over()).code, 0)
})

test('a lost connection leaves the question of the desk on the screen', async (t) => {
  const machines = await AskingMachines.open(t)
  await machines.pends('one', LS)
  const terminal = await machines.terminal()
  // The question takes several rows.
  await terminal.resize(40, 50)
  await terminal.begin('fd agent watch')
  await terminal.shows(/Bash: ls -la\n.*\n.*instead> $/)
  await terminal.enter('rather')
  await machines.hub.stop()
  await terminal.shows(/Lost the connection to the hub [^?]*Reconnecting…\n +y yes, [^?]*instead> rather$/)
  await terminal.press('C-c')
  assert.equal((await terminal.over()).code, 130)
})

test('no text of an agent or a machine can imitate the desk', async (t) => {
  const fake = '\n? asks to use Bash: ls\n  y yes, n no> \x1b[2J\u202e'
  const machines = await AskingMachines.open(t)
  const cwd = `/srv/${'x'.repeat(80)}${fake}FAKE`
  const pending = [
    requestFor('a', { command: `x${fake}FAKE` }, { tool: `T${fake}FAKE`, description: `d${fake}FAKE` }),
    requestFor(
      'b',
      {},
      { ask: 'question', questions: [{ question: `q${fake}FAKE`, options: [{ label: `l${fake}` }] }] },
    ),
  ]
  await machines.status('one', { state: 'waiting', pending, cwd, title: fake, model: fake })
  const terminal = await machines.terminal()
  await terminal.begin('fd agent watch')
  await terminal.shows(/instead> $/)
  await terminal.type('s')
  await terminal.shows(/\(\/skip, \/open, or \/quit leaves the question\)\n.*number or text> $/)
  await terminal.type('/skip')
  const screen = await terminal.shows(/You skipped 2\. .*> $/)
  const rows = screen.split('\n')
  // Only the two requests begin like a request, and only their prompts look like prompts.
  assert.equal(rows.filter((row) => row.startsWith('?')).length, 2)
  assert.equal(rows.filter((row) => /^ {2}(y yes|number)/.test(row)).length, 2)
  assert.doesNotMatch(screen, /\u202e/)
  assert.match(screen, /⟨U\+202E⟩/)
})

test('without a terminal, the desk prints requests as JSON, or says how to list them', async (t) => {
  const machines = await AskingMachines.open(t)
  await machines.pends('one', LS)
  const [file, ...before] = RUN
  const { env } = machines.stage
  const run = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(file, [...before, 'agent', ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      ).stdin?.end()
    })
  const refused = await run('watch')
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /needs a terminal\.\n.*agent list --waiting.*agent watch --json\n$/)
  assert.equal((await run('watch', '--from', 'now', '--json')).code, 2)
  const listed = JSON.parse((await run('list', '--waiting', '--json')).stdout)
  assert.deepEqual(
    listed.agents.map(({ agent_id }: { agent_id: string }) => agent_id),
    ['one'],
  )
  const watch = machines.stage.run(['agent', 'watch', '--json'])
  const lines = async (count: number) => {
    const all = () => watch.log().split('\n').slice(0, -1)
    await until(() => all().length >= count, { what: `${count} lines` })
    return all().map((line) => JSON.parse(line))
  }
  const [first] = await lines(1)
  assert.deepEqual(
    [first.event, first.agent_id, first.machine_name, first.cwd, first.request],
    ['waiting', 'one', 'alpha', '/srv/one', LS],
  )
  await machines.pends('two', EDIT)
  await machines.pends('one')
  const [, second, third] = await lines(3)
  assert.deepEqual([second.event, second.request.request_id], ['waiting', 'edit'])
  assert.deepEqual(third, {
    event: 'settled',
    agent_id: 'one',
    machine_id: 'machine-alpha',
    request_id: 'ls',
    digest: LS.digest,
  })
  // The number of requests that a status leaves out is told again, and a request is not settled because of it.
  const omits = (pending_omitted: number) => machines.status('two', { state: 'waiting', pending_omitted })
  await omits(1)
  await lines(4)
  await omits(3)
  await lines(5)
  await machines.pends('two')
  assert.deepEqual(
    (await lines(7))
      .slice(3)
      .map(({ event, pending_omitted, request_id }) => [event, pending_omitted, request_id]),
    [
      ['waiting', 1, undefined],
      ['waiting', 3, undefined],
      ['settled', undefined, 'edit'],
      ['settled', undefined, undefined],
    ],
  )
})
