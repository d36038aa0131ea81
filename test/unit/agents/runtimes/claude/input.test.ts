import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../../../../src/agents/runtimes/claude/decode.ts'
import { claude } from '../../../../../src/agents/runtimes/claude/index.ts'
import { initialize } from '../../../../../src/agents/runtimes/claude/input.ts'
import type { PermissionAnswer } from '../../../../../src/agents/runtimes/conversation.ts'
import type { PermissionRequest } from '../../../../../src/protocol/index.ts'
import { recordings } from '../../../../support/claude-samples.ts'

const recording = (name: string) => recordings().find((one) => one.name === name)!
const line = ({ line }: { line: string }) => JSON.parse(line)

/** Returns the requests of a recorded agent. Each request has the recorded answer. */
function requestsOf(name: string) {
  const { out, in: given } = recording(name)
  const requests = out.flatMap(decode).filter((event) => event.kind === 'permission_request')
  return requests.map(({ kind: _kind, ...request }) => ({
    request: request as PermissionRequest,
    given: given.find((message) => {
      const response = message.response as { request_id?: string } | undefined
      return response?.request_id === request.request_id
    }),
  }))
}

test('a prompt has the format of the recordings', () => {
  const [given] = recording('01-two-turns').in as { uuid: string; message: { content: string } }[]
  const prompt = claude.prompt(given!.uuid, given!.message.content)
  assert.deepEqual(line(prompt), given)
  assert.deepEqual({ ...prompt, line: '' }, { id: given!.uuid, kind: 'prompt', line: '' })
})

test('a prompt of blocks carries text and images', () => {
  const { message } = line(
    claude.prompt('u', [
      { type: 'text', text: 'what is\nthis?' },
      { type: 'image', media_type: 'image/png', data: 'aGk=' },
    ]),
  )
  assert.deepEqual(message.content, [
    { type: 'text', text: 'what is\nthis?' },
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } },
  ])
})

test('the content of a prompt can be read from its line', () => {
  const blocks = [
    { type: 'text', text: 'what is\nthis?' },
    { type: 'image', media_type: 'image/png', data: 'aGk=' },
  ] as const
  for (const content of ['plain words', '[Request interrupted by user]', [...blocks]])
    assert.deepEqual(
      claude.contentOf(claude.prompt('00000000-0000-8000-8000-000000000000', content).line),
      content,
    )
})

test('control requests have the format of the recordings', () => {
  const given = [...recording('02-initialize-permissions').in, ...recording('03-interrupt').in].filter(
    ({ type }) => type === 'control_request',
  ) as { request_id: string; request: Record<string, string> }[]
  const made = {
    initialize: (id: string) => initialize(id),
    set_permission_mode: (id: string, { mode }: Record<string, string>) =>
      claude.setPermissionMode(id, mode!),
    set_model: (id: string, { model }: Record<string, string>) => claude.setModel(id, model!),
    cancel_async_message: (id: string, request: Record<string, string>) =>
      claude.withdraw(id, request.message_uuid!),
    interrupt: (id: string, request: Record<string, unknown>) =>
      claude.interrupt(id, { cancelQueued: request.cancel_queued === true }),
  }
  let compared = 0
  for (const message of given) {
    const make = made[message.request.subtype as keyof typeof made]
    if (!make) continue
    assert.deepEqual(line(make(message.request_id, message.request)), message)
    compared++
  }
  assert.equal(compared, 13)
  assert.deepEqual(line(claude.endSession('e')).request, { subtype: 'end_session' })
})

test('permission decisions have the format of the recordings', () => {
  const [allowed, denied, interrupted, , remembered] = requestsOf('02-initialize-permissions')
  const answer = ({ request }: { request: PermissionRequest }, answer: PermissionAnswer) =>
    line(claude.answerPermission('id', request, answer))
  const given = (one: { given?: object } | undefined) => one!.given as { response: { response: object } }

  assert.deepEqual(answer(allowed!, { allow: {} }), given(allowed))
  const deny = answer(denied!, { deny: { message: 'Not allowed by the operator' } })
  assert.deepEqual(deny.response.response, { ...given(denied).response.response, interrupt: false })
  assert.deepEqual(
    answer(interrupted!, { deny: { message: 'stop now', interrupt: true } }),
    given(interrupted),
  )
  const rules = (given(remembered).response.response as { updatedPermissions: unknown[] }).updatedPermissions
  assert.deepEqual(answer(remembered!, { allow: { remember: rules } }), given(remembered))
})

test('answers to questions and the approval of a plan have the format of the recordings', () => {
  const [asked] = requestsOf('08-ask-user-question')
  const answers = { 'Which color?': 'Blue' }
  assert.deepEqual(line(claude.answerPermission('id', asked!.request, { answers })), asked!.given)
  const [plan] = requestsOf('08-plan')
  assert.deepEqual(line(claude.answerPermission('id', plan!.request, { allow: {} })), plan!.given)
})

test('an approval can change the input, and a denial without a message gets a default message', () => {
  const { request } = requestsOf('02-initialize-permissions')[0]!
  const decision = (answer: PermissionAnswer) =>
    line(claude.answerPermission('id', request, answer)).response.response
  assert.deepEqual(decision({ allow: { input: { command: 'true' } } }).updatedInput, { command: 'true' })
  assert.ok(decision({ deny: {} }).message.length > 0)
})

test('an input line for Claude Code contains no newline', () => {
  const { request } = requestsOf('02-initialize-permissions')[0]!
  const inputs = [
    claude.prompt('u', 'a\nb\r\nc\u2028d'),
    claude.setModel('m', 'a\nb'),
    claude.answerPermission('p', request, { deny: { message: 'no\nno' } }),
  ]
  for (const { line } of inputs) assert.doesNotMatch(line, /[\r\n]/)
})
