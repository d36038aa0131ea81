import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeLine } from '../../src/agents/events/decode.ts'
import { decode } from '../../src/agents/runtimes/claude/decode.ts'
import { AskingAgent, asks, withdraws } from '../support/asking-agent.ts'

const LS = { command: 'ls' }
const RM = { command: 'rm -rf /srv' }
const allow = (request_id: string, digest?: string) => ({
  request_id,
  ...(digest !== undefined && { digest }),
  decision: 'allow',
})

test('a request has the same digest in its status and its event, and the digest changes if any byte of the request changes', (t) => {
  const asking = new AskingAgent(t)
  asking.says(asks('r', LS))
  const digest = asking.pending[0]?.digest
  const [event] = decodeLine(Buffer.from(asks('r', LS).trimEnd()), 7, decode)
  assert.match(digest ?? '', /^[0-9a-f]{32}$/)
  assert.equal(event?.kind === 'permission_request' && event.digest, digest)
  const others = [
    asks('r', RM),
    asks('q', LS),
    asks('r', LS, { description: 'Lists' }),
    asks('r', LS, { permission_suggestions: [] }),
    asks('r', LS).replace('"ls"', '"l\\u0073"'),
  ]
  const digests = others.map((line) => {
    const [other] = decodeLine(Buffer.from(line.trimEnd()), 0, decode)
    return other?.kind === 'permission_request' && other.digest
  })
  assert.equal(new Set([digest, ...digests]).size, others.length + 1)
})

test('an answer reaches only the request whose digest the answer contains, and no other request with the same id', async (t) => {
  const asking = new AskingAgent(t)
  asking.says(asks('r', LS))
  const seen = asking.pending[0]?.digest
  asking.says(asks('r', RM))
  assert.equal(await asking.told('permission', allow('r', seen)), 'request_changed digest')
  assert.equal(
    await asking.told('permission', { ...allow('r', seen), decision: 'deny' }),
    'request_changed digest',
  )
  assert.deepEqual(asking.answers, [])
  assert.equal(await asking.told('permission', allow('r', asking.pending[0]?.digest)), undefined)
  assert.deepEqual(asking.answers, [['r', { behavior: 'allow', updatedInput: RM }]])
})

test('an approval that names its tool permits no other tool', async (t) => {
  const asking = new AskingAgent(t)
  asking.says(asks('r', { id: 5 }, { tool_name: 'mcp__tickets__delete' }))
  const { digest } = asking.pending[0]!
  const answer = { request_id: 'r', digest, decision: 'allow', input: { id: 5 } }
  assert.equal(
    await asking.told('permission', { ...answer, tool: 'mcp__tickets__show' }),
    'request_changed tool',
  )
  assert.equal(await asking.told('permission', { ...answer, tool: 'mcp__tickets__delete' }), undefined)
})

test('an answer to a question is accepted only with the digest of the current question', async (t) => {
  const asking = new AskingAgent(t)
  const question = (...labels: string[]) =>
    asks(
      'q',
      { questions: [{ question: 'Drop which?', options: labels.map((label) => ({ label })) }] },
      { tool_name: 'AskUserQuestion' },
    )
  const answers = { 'Drop which?': 'staging' }
  asking.says(question('staging'))
  const seen = asking.pending[0]?.digest
  asking.says(question('staging', 'production'))
  assert.equal(
    await asking.told('answer', { request_id: 'q', digest: seen, answers }),
    'request_changed digest',
  )
  assert.equal(await asking.told('answer', { request_id: 'q', answers }), 'request_changed digest')
  const { digest } = asking.pending[0]!
  assert.equal(await asking.told('answer', { request_id: 'q', digest, answers }), undefined)
})

test('if several requests have had the same id, an answer needs the digest unless the answer is a refusal', async (t) => {
  const again: Record<string, (asking: AskingAgent) => unknown> = {
    'while it was pending': () => {},
    'after it was withdrawn': (asking) => asking.says(withdraws('r')),
    'after it was answered': (asking) => asking.told('permission', allow('r')),
    'after many other requests': (asking) =>
      asking.says(...Array.from({ length: 70 }, (_, n) => asks(`r${n}`, LS))),
    'after a start that the agent invented': (asking) =>
      asking.says('{"type":"launcher","subtype":"started","run":1}\n'),
    'after a run that the agent invented': (asking) =>
      asking.says('{"type":"launcher","subtype":"started","run":2}\n'),
  }
  for (const [when, ends] of Object.entries(again)) {
    const asking = new AskingAgent(t)
    asking.says(asks('r', LS))
    await ends(asking)
    asking.says(asks('r', RM))
    assert.equal(await asking.told('permission', allow('r')), 'request_changed digest', when)
    asking.restart()
    assert.equal(
      await asking.told('permission', allow('r')),
      'request_changed digest',
      `${when}, next daemon`,
    )
    assert.equal(await asking.told('permission', { ...allow('r'), decision: 'deny' }), undefined, when)
    assert.equal(asking.answers.at(-1)?.[1].behavior, 'deny')
  }
})

const form = (rest: object) =>
  `${JSON.stringify({
    type: 'control_request',
    request_id: 'r',
    request: { subtype: 'elicitation', mcp_server_name: 's', message: 'm', mode: 'form', ...rest },
  })}\n`

test('a request that is too long to show cannot be allowed, but can be refused', async (t) => {
  const long = 'x'.repeat(16_385)
  const options = Array.from({ length: 1001 }, (_, n) => ({ label: `${n}` }))
  const question = (rest: object) =>
    asks('r', { questions: [{ question: 'Which?', options: [], ...rest }] }, { tool_name: 'AskUserQuestion' })
  const properties = { f: { type: 'string', description: long } }
  const cases: (readonly [line: string, type: 'permission' | 'answer', yes: object, no: object])[] = [
    ...[{ question: long }, { options }, { options: [{ label: long }] }, { header: long }].map(
      (rest) => [question(rest), 'answer', { answers: { 'Which?': 'A', [long.slice(1)]: 'A' } }, {}] as const,
    ),
    [asks('r', LS, { description: long }), 'permission', { decision: 'allow' }, {}],
    [asks('r', LS, { decision_reason: long }), 'permission', { decision: 'allow' }, {}],
    [form({ message: long }), 'answer', { answers: {} }, { action: 'decline' }],
    [form({ requested_schema: { properties } }), 'answer', { answers: { f: 'x' } }, { action: 'cancel' }],
    [form({ mode: 'url', url: `https://x/${long}` }), 'answer', { action: 'accept' }, { action: 'cancel' }],
  ]
  for (const [line, type, yes, no] of cases) {
    const asking = new AskingAgent(t)
    asking.says(line)
    const [{ digest, cut } = {}] = asking.pending
    assert.ok(digest && cut, line.slice(0, 200))
    const told = (kind: typeof type, body: object) => asking.told(kind, { request_id: 'r', digest, ...body })
    assert.equal(await told(type, yes), 'invalid_command request_id')
    asking.restart()
    assert.equal(await told(type, yes), 'invalid_command request_id')
    assert.deepEqual(asking.answers, [])
    const refusal = 'action' in no ? told('answer', no) : told('permission', { decision: 'deny' })
    assert.equal(await refusal, undefined)
  }
  const short = new AskingAgent(t)
  short.says(question({ question: long.slice(2), options: options.slice(2) }))
  assert.equal(short.pending[0]?.cut, undefined)
  assert.equal(await short.told('answer', { request_id: 'r', answers: { [long.slice(2)]: '7' } }), undefined)
  // Suggestions that exceed the limit of the list are dropped, but the request still counts as complete.
  const asking = new AskingAgent(t)
  asking.says(asks('r', LS, { permission_suggestions: options }))
  assert.equal(asking.pending[0]?.cut, undefined)
  assert.equal(await asking.told('permission', allow('r')), undefined)
})

const many = (label: string) => ({
  question: 'Which?',
  multiSelect: true,
  options: [{ label: 'A' }, { label }],
})
const asksAll = (...questions: object[]) => asks('r', { questions }, { tool_name: 'AskUserQuestion' })

test('questions with ambiguous answers cannot be answered, but can be refused', async (t) => {
  const which = { question: 'Which?', options: [{ label: 'A' }, { label: 'B' }] }
  const cases: [line: string, answers: Record<string, string>][] = [
    [asksAll(which, { ...which, options: [{ label: 'Keep' }] }), { 'Which?': 'A' }],
    [
      asksAll(which, { question: 'What?', options: [{ label: 'A' }, { label: 'A ' }] }),
      { 'Which?': 'A', 'What?': 'A' },
    ],
    [asksAll(many('A, B'), { ...which, question: 'B' }), { 'Which?': 'A', B: 'B' }],
    [asksAll({ ...which, question: '__proto__' }), { ['__proto__']: 'A' }],
    [asksAll({ ...which, question: '__proto__' }), {}],
    [form({ requested_schema: JSON.parse('{"properties":{"__proto__":{"type":"string"}}}') }), {}],
  ]
  for (const [line, answers] of cases) {
    const asking = new AskingAgent(t)
    asking.says(line)
    const [{ digest } = {}] = asking.pending
    for (const more of [{ digest }, {}])
      assert.equal(
        await asking.told('answer', { request_id: 'r', answers, ...more }),
        'invalid_command request_id',
        line,
      )
    assert.deepEqual(asking.answers, [])
    assert.equal(await asking.told('permission', { request_id: 'r', digest, decision: 'deny' }), undefined)
  }
})

test('the text of a question can be the name of a property that every JavaScript object has', async (t) => {
  const asking = new AskingAgent(t)
  const names = ['constructor', 'toString', 'hasOwnProperty']
  const { options } = many('B')
  asking.says(
    asksAll(...names.map((question) => ({ question, options })), many('B'), { question: 'Other?', options }),
  )
  const told = (answers: object) => asking.told('answer', { request_id: 'r', answers })
  assert.equal(await told({}), 'answers_incomplete answers')
  const answers = Object.fromEntries([...names, 'Which?', 'Other?'].map((name) => [name, 'B']))
  assert.equal(await told(answers), undefined)
  assert.deepEqual(asking.answers[0]?.[1].updatedInput.answers, answers)
})

test('a request in a later run can have the same id as a request in an earlier run', async (t) => {
  const asking = new AskingAgent(t)
  asking.says(asks('r', LS), asks('r', RM))
  const { agent } = asking
  agent.startRun({ ...agent.run, run: 2 })
  asking.says('{"type":"launcher","subtype":"started","run":2}\n', asks('r', LS))
  assert.equal(await asking.told('permission', allow('r')), undefined)
})

test('an answer without a digest is accepted if each id belongs to only one request', async (t) => {
  const asking = new AskingAgent(t)
  asking.says(asks('one', LS), asks('two', LS))
  assert.equal(await asking.told('permission', allow('two')), undefined)
  assert.equal(await asking.told('permission', allow('one')), undefined)
  assert.equal(await asking.told('permission', allow('one')), 'request_not_pending request_id')
})

test('a daemon that is killed after its answer does not answer twice, and shows a repeated request again', async (t) => {
  const asking = new AskingAgent(t)
  asking.says(asks('r', LS))
  asking.agent.save()
  await asking.told('permission', allow('r'))
  asking.restart({ saved: false })
  assert.deepEqual(asking.pending, [])
  asking.says(asks('r', RM))
  asking.restart()
  assert.deepEqual(
    asking.pending.map(({ input }) => input),
    [RM],
  )
})
