import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestFor, ScriptedAgent } from '../support/scripted-agent.ts'

const LS = requestFor('one', { command: 'ls' })
const RM = requestFor('two', { command: 'rm -rf /srv' })
const QUESTION = requestFor(
  'q',
  {},
  {
    ask: 'question',
    tool: 'AskUserQuestion',
    questions: [{ question: 'Which?', options: [{ label: 'A' }] }],
  },
)

test('the commands approve and answer need the request’s digest if they run without a terminal', async (t) => {
  const agent = await ScriptedAgent.open(t)
  await agent.pends(LS)
  for (const given of [[], ['--request', 'one'], ['--request', LS.digest.slice(0, 12)]]) {
    const refused = await agent.run('approve', 'a', ...given)
    assert.equal(refused.code, 4)
    assert.match(refused.stderr, /^\? asks to use Bash: ls\nerror: a has made this request\./)
    assert.ok(refused.stderr.includes(`agent approve a --request ${LS.digest}\n`), refused.stderr)
  }
  const json = JSON.parse((await agent.run('approve', 'a', '--json')).stdout)
  assert.deepEqual([json.error.code, json.error.request.digest], ['request_unnamed', LS.digest])
  // The agent withdraws the request that was shown, and makes another request.
  await agent.pends(RM)
  const gone = await agent.run('approve', 'a', '--request', LS.digest)
  assert.equal(gone.code, 4)
  assert.match(gone.stderr, /a has no open request \w+: it was answered, withdrawn, or replaced/)
  await agent.pends(QUESTION)
  const unnamed = await agent.run('answer', 'a', '1')
  assert.match(unnamed.stderr, /^\? Which\?\n {2}1\. A\nerror: /)
  assert.deepEqual(await agent.answers(0), [])
  const named = agent.run('answer', 'a', '1', '--request', QUESTION.digest)
  assert.equal((await agent.answers(1))[0]?.digest, QUESTION.digest)
  assert.equal((await named).stdout, 'Answered question 1 "Which?": option 1 "A"\n')
})

test('the command approve prints the whole request that was allowed, as text or as JSON', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const hidden = requestFor('r', { command: `ls #${' '.repeat(100)}\ntouch PWNED` })
  await agent.pends(hidden)
  const approved = agent.run('approve', 'a', '--request', hidden.digest)
  const [answer] = await agent.answers(1)
  assert.deepEqual([answer?.request_id, answer?.digest], ['r', hidden.digest])
  const { stdout } = await approved
  assert.match(
    stdout,
    /^Allowed: Bash: ls # touch PWNED\n {4}command:\n {6}ls #⟨100 blanks⟩\n {6}touch PWNED\n/,
  )
  assert.match(stdout, /1 long run of blanks\n$/)
  await agent.pends(RM)
  const asJson = agent.run('approve', 'a', '--request', RM.digest, '--json')
  await agent.answers(2)
  const { request_id, digest, ask, tool, input } = RM
  assert.deepEqual(JSON.parse((await asJson).stdout).request, { request_id, digest, ask, tool, input })
  // A person can refuse a request without seeing it in full.
  await agent.pends(LS)
  const denied = agent.run('deny', 'a')
  assert.equal((await agent.answers(3))[2]?.digest, LS.digest)
  assert.match((await denied).stdout, /^Denied: Bash: ls\n$/)
})

test('on a terminal, approve and answer first show the request, and treat an empty answer as a refusal', async (t) => {
  const agent = await ScriptedAgent.open(t)
  await agent.pends(RM)
  const terminal = await agent.terminal()
  const asked = async (command: string, screen: RegExp, typed: string) => {
    await terminal.begin(`fd agent ${command}`)
    await terminal.shows(screen)
    await terminal.type(typed)
  }
  for (const no of ['', 'n', 'ok']) {
    await asked('approve a', /\? asks to use Bash: rm -rf \/srv\n {2}Allow it\? y\/N> $/, no)
    const { code, text } = await terminal.over()
    assert.equal(code, 4)
    assert.match(text, /error: No answer was sent\./)
  }
  assert.deepEqual(await agent.answers(0), [])
  await asked('approve a', /Allow it\? y\/N> $/, 'y')
  assert.equal((await agent.answers(1))[0]?.digest, RM.digest)
  assert.match((await terminal.over()).text, /\nAllowed: Bash: rm -rf \/srv\n$/)
  await agent.pends(QUESTION)
  await asked(
    'answer a 1',
    /\? Which\?\n {2}1\. A\n {2}Answer question 1 "Which\?": option 1 "A"\? y\/N> $/,
    'yes',
  )
  assert.equal((await agent.answers(2))[1]?.digest, QUESTION.digest)
})

test('if a request cannot be shown, the program prints no command that would allow the request', async (t) => {
  const agent = await ScriptedAgent.open(t)
  await agent.pends({ ...RM, input: {}, input_omitted: true })
  const refused = await agent.run('approve', 'a', '--json')
  assert.deepEqual([refused.code, JSON.parse(refused.stdout).error.code], [4, 'request_not_shown'])
  assert.ok(!refused.stdout.includes(RM.digest))
})

test('a request without a digest is shown in full, and answered by its id', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const { digest: _, ...older } = RM
  // The request has no digest, because an earlier daemon saved it. The event has a digest, because the new
  // daemon has read the event again.
  await agent.asks(RM)
  await agent.pends({ ...older, input: {}, input_omitted: true })
  const terminal = await agent.terminal()
  await terminal.begin('fd agent watch a')
  await terminal.shows(/Bash: rm -rf \/srv\n.*y yes, n no.*> $/)
  await terminal.type('y')
  const [answer] = await agent.answers(1)
  assert.deepEqual([answer?.request_id, answer?.digest], ['two', undefined])
})

test('a request from a daemon that sends no digests can be answered by its id', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const { digest: _, ...older } = LS
  await agent.pends(older)
  assert.equal((await agent.run('approve', 'a')).code, 4)
  const approved = agent.run('approve', 'a', '--request', 'one')
  const [answer] = await agent.answers(1)
  assert.deepEqual([answer?.request_id, answer?.digest], ['one', undefined])
  assert.match((await approved).stdout, /^Allowed: Bash: ls\n$/)
})

const which = (question: string, ...labels: string[]) => ({
  question,
  options: labels.map((label) => ({ label })),
})
const asking = (...questions: object[]) =>
  requestFor('q', { questions }, { ask: 'question', tool: 'AskUserQuestion', questions: questions as [] })

test('questions with ambiguous answers are not shown, but can be refused', async (t) => {
  const agent = await ScriptedAgent.open(t)
  for (const request of [
    asking(which('Go on?', 'Yes', 'No'), which('Go on?', 'Drop it', 'Keep it')),
    asking(which('Which?', 'A', 'A')),
    asking({ ...which('Which?', 'A, B', 'A', 'B'), multi_select: true }),
    asking(which('__proto__', 'A')),
  ]) {
    await agent.pends(request)
    for (const named of [[], ['--request', request.digest]]) {
      const refused = await agent.run('answer', 'a', '1', '1', ...named, '--json')
      assert.deepEqual([refused.code, JSON.parse(refused.stdout).error.code], [4, 'request_unanswerable'])
    }
    const { stdout } = await agent.run('show', 'a')
    assert.match(
      stdout,
      /Waits +\S+ agent deny a --request \w+\n[\s\S]*\n +! .*The request can only be refused\./,
    )
  }
  const twice = asking(which('Go on?', 'Yes', 'No'), which('Go on?', 'Drop it', 'Keep it'))
  await agent.asks(twice)
  await agent.pends(twice)
  const terminal = await agent.terminal()
  await terminal.begin('fd agent watch a')
  await terminal.shows(
    /can only\s+(?:↳ )?be refused\.\n *The request cannot be answered\. [\s\S]*agent deny a$/,
  )
  assert.doesNotMatch(await terminal.screen(), /number or text/)
  assert.deepEqual(await agent.answers(0), [])
  const denied = agent.run('deny', 'a')
  assert.equal((await agent.answers(1))[0]?.type, 'agent:permission')
  assert.equal((await denied).code, 0)
})

test('the answers that were sent are printed with their numbers and texts, on a terminal and as JSON', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const request = asking(which('constructor', 'Yes', 'No'), {
    ...which('Where?', 'Here', 'There'),
    multi_select: true,
  })
  const sent = { constructor: 'No', 'Where?': 'There, else' }
  await agent.asks(request)
  await agent.pends(request)
  const terminal = await agent.terminal()
  await terminal.begin('fd agent watch a')
  await terminal.shows(/ 1\. constructor: number or text> $/)
  await terminal.type('2')
  await terminal.shows(/ 2\. Where\?: number or text> $/)
  await terminal.type('2, else')
  const [first] = await agent.answers(1)
  assert.deepEqual(first?.type === 'agent:answer' && { ...first.answers }, sent)
  await terminal.shows(
    / Answered question 1 "constructor": option 2 "No"\n +Answered question 2 "Where\?": option 2 "There", "else"/,
  )
  const asJson = agent.run('answer', 'a', '2', '2, else', '--request', request.digest, '--json')
  await agent.answers(2)
  assert.deepEqual(JSON.parse((await asJson).stdout).answered, [
    { of: 'question', name: 'constructor', number: 1, answer: 'No', parts: [{ option: 2, text: 'No' }] },
    {
      of: 'question',
      name: 'Where?',
      number: 2,
      answer: 'There, else',
      parts: [{ option: 2, text: 'There' }, { text: 'else' }],
    },
  ])
})
