import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../../../../src/agents/runtimes/claude/decode.ts'
import { claude } from '../../../../../src/agents/runtimes/claude/index.ts'
import { Event, type PermissionRequest } from '../../../../../src/protocol/index.ts'

const decoded = (request: object) =>
  decode(JSON.stringify({ type: 'control_request', request_id: 'r-1', request }))

const asks = (rest: object) => ({
  subtype: 'elicitation',
  mcp_server_name: 'mini',
  message: 'Where?',
  ...rest,
})
const form = (properties: object, rest: object = {}) =>
  asks({ mode: 'form', requested_schema: { type: 'object', properties, ...rest } })

function asked(request: object): PermissionRequest {
  const [event] = decoded(request)
  assert.equal(event?.kind, 'permission_request')
  return Event.parse({ ...event, offset: 0, index: 0 }) as PermissionRequest & Event
}

test('the form of an MCP server becomes a question with typed fields', () => {
  const request = asked(
    form(
      {
        env: { type: 'string', title: 'Environment', enum: ['dev', 'prod'], enumNames: ['Dev', 'Prod'] },
        count: { type: 'integer', minimum: 1, description: 'How many' },
        sure: { type: 'boolean', default: false },
        mail: { type: 'string', format: 'email', maxLength: 50 },
      },
      { required: ['env'] },
    ),
  )
  assert.deepEqual([request.ask, request.tool], ['question', 'mcp__mini'])
  assert.deepEqual(request.form, {
    server: 'mini',
    message: 'Where?',
    fields: [
      {
        name: 'env',
        type: 'string',
        title: 'Environment',
        required: true,
        options: [
          { value: 'dev', title: 'Dev' },
          { value: 'prod', title: 'Prod' },
        ],
      },
      { name: 'count', type: 'integer', description: 'How many', minimum: 1 },
      { name: 'sure', type: 'boolean', default: false },
      { name: 'mail', type: 'string', format: 'email', max_length: 50 },
    ],
  })
  // The request also contains questions, for servers that do not support forms.
  assert.deepEqual(request.questions?.[0], {
    question: 'Where?\nEnvironment (env)',
    header: 'mini',
    options: [
      { label: 'Dev', description: 'dev' },
      { label: 'Prod', description: 'prod' },
    ],
  })
  assert.deepEqual(
    request.questions?.map(({ question }) => question),
    ['Where?\nEnvironment (env)', 'count: How many (optional)', 'sure (optional)', 'mail (optional)'],
  )
})

test('the choices of a form field are found in every MCP notation, and the fields keep the MCP server’s order', () => {
  const { form: shown, questions } = asked({
    ...form({
      b: { type: 'string', oneOf: [{ const: '#f00', title: 'Red' }, { const: '#0f0' }] },
      a: { type: 'array', minItems: 1, items: { type: 'string', enum: ['x', 'y'] } },
      c: { type: 'array', items: { anyOf: [{ const: 'z', title: 'Zed' }] } },
      1: { type: 'number' },
    }),
    property_order: ['b', 'a', 'c', '1'],
  })
  assert.deepEqual(
    shown?.fields.map(({ name, options }) => [name, options?.map(({ value }) => value)]),
    [
      ['b', ['#f00', '#0f0']],
      ['a', ['x', 'y']],
      ['c', ['z']],
      ['1', undefined],
    ],
  )
  assert.deepEqual(
    questions?.map(({ multi_select }) => multi_select),
    [undefined, true, true, undefined],
  )
})

test('a request to open a URL is shown with the answers Accept, Decline and Cancel', () => {
  const url = 'https://example.test/login?x=1'
  const { form: shown, questions } = asked(asks({ mode: 'url', url, elicitation_id: 'e-1' }))
  assert.deepEqual(shown, { server: 'mini', message: 'Where?', url, fields: [] })
  assert.equal(questions?.[0]?.question, `Where?\n${url}`)
  assert.deepEqual(
    questions?.[0]?.options.map(({ label }) => label),
    ['Accept', 'Decline', 'Cancel'],
  )
  assert.deepEqual(decoded(asks({ requested_schema: undefined }))[0]?.kind, 'permission_request')
})

test('an unknown request, or a request that cannot be shown, is marked for refusal', () => {
  const many = Object.fromEntries(
    Array.from({ length: 101 }, (_, index) => [`f${index}`, { type: 'string' }]),
  )
  for (const request of [
    { subtype: 'request_user_dialog', dialog_kind: 'x' },
    { subtype: 'hook_callback', callback_id: 'h' },
    { subtype: 'toString' },
    { subtype: 'can_use_tool', tool_name: 'Bash' },
    {},
    asks({ message: 5 }),
    asks({ mode: 'hologram' }),
    asks({ mode: 'url' }),
    form(many),
    form({ a: { type: 'string', description: 'x'.repeat(100_000) } }),
  ]) {
    const [event, ...more] = decoded(request)
    assert.deepEqual(more, [])
    assert.ok(event?.kind === 'notice' && event.request_id === 'r-1', JSON.stringify(request).slice(0, 80))
    assert.deepEqual(event.info, request)
  }
  // A request without an id cannot be answered.
  assert.equal(decode('{"type":"control_request","request":{"subtype":"x"}}')[0]?.kind, 'unknown')
})

test('malformed form fields do not cause an error', () => {
  const { form: shown } = asked(
    form({ __proto__x: 5, 'a b': { type: 7, enum: [1], minimum: 'x', items: 3 } }, { required: 'all' }),
  )
  assert.deepEqual(shown?.fields, [
    { name: '__proto__x', type: 'string' },
    { name: 'a b', type: 'string' },
  ])
})

test('form answers and refusals have the format that Claude Code reads', () => {
  const request = asked(form({ env: { type: 'string' } }))
  const said = (input: { line: string }) => JSON.parse(input.line).response
  const answer = (given: Parameters<typeof claude.answerPermission>[2]) =>
    said(claude.answerPermission('i', request, given)).response
  const filled = { action: 'accept' as const, content: { env: 'dev' } }
  assert.deepEqual(answer({ form: filled }), filled)
  assert.deepEqual(answer({ deny: { message: 'no' } }), { action: 'decline' })
  const interrupting = JSON.parse(claude.answerPermission('i', request, { deny: { interrupt: true } }).line)
  assert.equal(interrupting.request.subtype, 'interrupt')
  const { subtype, request_id, error } = said(claude.refuse('r-9'))
  assert.deepEqual([subtype, request_id, typeof error], ['error', 'r-9', 'string'])
})
