import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../../../../src/agents/runtimes/claude/decode.ts'

/** Two ids of prompts: `GIVEN` comes from this daemon, and `MADE` comes from Claude Code. */
const GIVEN = '5f0c7f0e-3a55-8b1c-9d7e-0a1b2c3d4e5f'
const MADE = '6507f604-8234-454d-94a4-b714e23f94f5'

const said = (content: unknown, line: object) => {
  const [event] = decode(JSON.stringify({ type: 'user', message: { role: 'user', content }, ...line }))
  assert.ok(event?.kind === 'user')
  const { kind: _kind, ...rest } = event
  return rest
}

const ofPrompt = { uuid: GIVEN, isReplay: true, parent_tool_use_id: null }
const command = (name: string, args: string) =>
  `<command-name>/${name}</command-name>\n            <command-message>${name}</command-message>\n            <command-args>${args}</command-args>`

test('a prompt keeps the user’s words, even when they look like output of Claude Code', () => {
  for (const content of [
    'hello',
    '[Request interrupted by user]',
    '<local-command-stdout>Set model</local-command-stdout>',
    'Stop hook feedback:\ngo on',
  ])
    assert.deepEqual(said(content, ofPrompt), { prompt_id: GIVEN, content })
  assert.deepEqual(said('hello', { ...ofPrompt, origin: { kind: 'human' } }), {
    prompt_id: GIVEN,
    content: 'hello',
  })
})

test('a slash command appears as the user typed it', () => {
  assert.deepEqual(said(command('compact', ''), ofPrompt), { prompt_id: GIVEN, content: '/compact' })
  assert.deepEqual(said([{ type: 'text', text: command('review', 'the <b>\nlast one') }], ofPrompt), {
    prompt_id: GIVEN,
    content: '/review the <b>\nlast one',
  })
})

test('a message that Claude Code sends in the user’s name is marked with its origin', () => {
  const own = { uuid: MADE, parent_tool_use_id: null }
  const cases: [unknown, object, string][] = [
    ['This session is being continued …', { ...own, isReplay: false, isSynthetic: true }, 'runtime'],
    [[{ type: 'text', text: 'Stop hook feedback:\ngo on' }], { ...own, isSynthetic: true }, 'runtime'],
    ['Output token limit hit. Resume directly.', { ...own, isSynthetic: true }, 'runtime'],
    ['Something of a newer version', own, 'runtime'],
    [[{ type: 'text', text: '[Request interrupted by user]' }], own, 'interrupt'],
    [[{ type: 'text', text: '[Request interrupted by user for tool use]' }], own, 'interrupt'],
    ['<task-notification>…', { ...own, origin: { kind: 'task-notification' } }, 'task-notification'],
    ['from elsewhere', { ...own, origin: { kind: 'peer', from: 'x' }, isSynthetic: true }, 'peer'],
  ]
  for (const [content, line, origin] of cases) assert.deepEqual(said(content, line), { content, origin })
  assert.deepEqual(
    said('<local-command-stdout>Compacted </local-command-stdout>', { ...own, isReplay: true }),
    { content: 'Compacted', origin: 'command_output' },
  )
  assert.deepEqual(said('<local-command-stderr></local-command-stderr>', { ...own, isReplay: true }), {
    content: '(no output)',
    origin: 'command_output',
  })
})

test('the origin of a sub-agent’s prompt is the agent that started the sub-agent', () => {
  const inner = { uuid: MADE, parent_tool_use_id: 'toolu_1' }
  assert.deepEqual(said('search', inner), {
    parent_tool_use_id: 'toolu_1',
    content: 'search',
    origin: 'agent',
  })
  assert.equal(said('[Request interrupted by user]', inner).origin, 'interrupt')
})
