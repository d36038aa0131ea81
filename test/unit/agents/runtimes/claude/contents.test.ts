import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../../../../src/agents/runtimes/claude/decode.ts'
import { Event } from '../../../../../src/protocol/index.ts'

const system = (subtype: string, rest: object) => ({
  type: 'system',
  subtype,
  uuid: 'u',
  session_id: 's',
  ...rest,
})
const said = (line: object) => {
  const events = decode(JSON.stringify(line))
  for (const body of events) Event.parse({ ...body, offset: 0, index: 0 })
  return events
}

test('messages from Claude Code to the user become notices with all their fields', () => {
  const cases: [object, string, string | undefined][] = [
    [system('informational', { content: 'hello from hook', level: 'notice' }), 'hello from hook', 'notice'],
    [
      system('notification', { key: 'k', text: 'stop hook problem', priority: 'immediate' }),
      'stop hook problem',
      'immediate',
    ],
    [system('local_command_output', { content: 'Used: 3' }), 'Used: 3', undefined],
    [
      system('model_refusal_fallback', { content: 'Another model answers', original_model: 'a' }),
      'Another model answers',
      undefined,
    ],
    [system('model_refusal_no_fallback', { content: 'Refused' }), 'Refused', undefined],
    [system('mirror_error', { error: 'timed out', key: {} }), 'timed out', undefined],
    [
      system('plugin_install', { status: 'failed', name: 'lint', error: 'no network' }),
      'plugin lint failed no network',
      'failed',
    ],
    [
      system('memory_recall', {
        mode: 'select',
        memories: [{ path: '/m.md' }, { path: 'x', content: 'Tabs' }],
      }),
      '/m.md\nTabs',
      undefined,
    ],
    [
      system('session_writes_lost', { lost: ['transcript'], error_code: 'ENOSPC' }),
      'Not saved: transcript ENOSPC',
      undefined,
    ],
    [system('worker_shutting_down', { reason: 'host_exit' }), 'host_exit', undefined],
  ]
  for (const [line, text, level] of cases) {
    const {
      subtype,
      type: _type,
      uuid: _uuid,
      session_id: _session,
      ...info
    } = line as Record<string, unknown>
    assert.deepEqual(said(line), [{ kind: 'notice', about: subtype, text, ...(level && { level }), info }])
  }
  const [summary] = said({ type: 'tool_use_summary', summary: 'Read 3 files', preceding_tool_use_ids: ['t'] })
  assert.ok(summary?.kind === 'notice' && summary.text === 'Read 3 files')
  const [login] = said({ type: 'auth_status', isAuthenticating: true, output: ['Open', 'the page'] })
  assert.ok(login?.kind === 'notice' && login.text === 'Open\nthe page')
  // A message without text is passed on unchanged.
  for (const line of [system('informational', {}), system('notification', { text: '' })])
    assert.deepEqual(said(line), [{ kind: 'unknown', raw: line }])
})

test('a prompt that a hook blocks is rejected with its reason, in the format of every version', () => {
  const blocked = 'UserPromptSubmit operation blocked by hook:\nnot here\n\nOriginal prompt: the prompt'
  const outcome = { kind: 'blocked_by_hook', prompt_kept: false }
  const cases: [object, string | undefined][] = [
    [{ content: blocked }, 'not here'],
    [{ content: blocked, prompt_submit_outcome: { ...outcome, reason: 'no' } }, 'no'],
    [{ content: blocked, prompt_submit_outcome: outcome }, 'not here'],
    [{ content: 'Operation stopped by hook: enough' }, 'enough'],
    [{ prompt_submit_outcome: outcome }, undefined],
  ]
  for (const [fields, reason] of cases) {
    const rejected = { kind: 'prompt_rejected', ...(reason !== undefined && { reason }) }
    assert.deepEqual(said(system('informational', { prevent_continuation: true, ...fields })), [rejected])
  }
  const [talk] = said(system('informational', { content: blocked }))
  assert.equal(talk?.kind, 'notice')
  const [other] = said(system('informational', { prevent_continuation: true, content: 'The session ends' }))
  assert.equal(other?.kind, 'notice')
})

test('events report the start of a compaction, its failure with a reason, and a change of mode in the same message', () => {
  assert.deepEqual(said(system('status', { status: 'compacting' })), [{ kind: 'compaction_started' }])
  assert.deepEqual(said(system('status', { status: null, compact_result: 'success' })), [])
  const failed = { status: null, compact_result: 'failed', compact_error: 'Not enough messages to compact.' }
  const failure = { kind: 'compaction_failed', error: 'Not enough messages to compact.' }
  assert.deepEqual(said(system('status', failed)), [failure])
  assert.deepEqual(said(system('status', { ...failed, permissionMode: 'plan' })), [
    failure,
    { kind: 'session', session_id: 's', permission_mode: 'plan' },
  ])
})

test('the event of a conversation reset names the previous session and the trigger of the reset', () => {
  const line = { type: 'conversation_reset', new_conversation_id: 'n', session_id: 's', uuid: 'n' }
  const reset = { kind: 'conversation_reset', conversation_id: 'n', previous_session_id: 's' }
  assert.deepEqual(said(line), [reset])
  assert.deepEqual(said({ ...line, trigger: 'clear', user_message_uuid: 'p' }), [
    { ...reset, trigger: 'clear', prompt_id: 'p' },
  ])
})

test('the event of a result has the reason for a failed start and the origin of the turn', () => {
  const result = { type: 'result', subtype: 'error_during_execution', is_error: true }
  const [start] = said({ ...result, startup_failure_reason: 'bypass_root' })
  assert.ok(start?.kind === 'turn_result' && start.startup_failure_reason === 'bypass_root')
  const [task] = said({ ...result, is_error: false, origin: { kind: 'task-notification' } })
  assert.ok(task?.kind === 'turn_result' && task.origin === 'task-notification')
})

test('the events of a permission request and a denial name the reason and the sub-agent', () => {
  const request = {
    subtype: 'can_use_tool',
    tool_name: 'Bash',
    input: {},
    decision_reason: 'It is outside',
    blocked_path: '/etc',
    agent_id: 'a',
  }
  assert.deepEqual(said({ type: 'control_request', request_id: 'r', request }), [
    {
      kind: 'permission_request',
      request_id: 'r',
      ask: 'tool',
      tool: 'Bash',
      input: {},
      reason: 'It is outside',
      blocked_path: '/etc',
      subagent_id: 'a',
    },
  ])
  const denied = {
    tool_name: 'Bash',
    tool_use_id: 't',
    message: 'No',
    decision_reason: 'a rule',
    agent_id: 'a',
  }
  assert.deepEqual(said(system('permission_denied', denied)), [
    {
      kind: 'permission_denied',
      tool: 'Bash',
      tool_use_id: 't',
      message: 'No',
      reason: 'a rule',
      subagent_id: 'a',
    },
  ])
})

test('encrypted thoughts and server-side tools are decoded', () => {
  const found = [{ type: 'web_search_result', url: 'https://example.com' }]
  const error = { type: 'web_search_tool_result_error', error_code: 'max_uses_exceeded' }
  const content = [
    { type: 'redacted_thinking', data: 'EmwK' },
    { type: 'server_tool_use', id: 't1', name: 'web_search', input: { query: 'x' } },
    { type: 'web_search_tool_result', tool_use_id: 't1', content: found },
    { type: 'web_search_tool_result', tool_use_id: 't2', content: error },
    { type: 'mcp_tool_use', id: 't3', name: 'ask', server_name: 'docs', input: {} },
    { type: 'mcp_tool_result', tool_use_id: 't3', is_error: true, content: [] },
  ]
  assert.deepEqual(said({ type: 'assistant', message: { id: 'm', content } }), [
    { kind: 'redacted_thinking', message_id: 'm', data: 'EmwK' },
    {
      kind: 'tool_use',
      message_id: 'm',
      tool_use_id: 't1',
      tool: 'web_search',
      input: { query: 'x' },
      via: 'server_tool_use',
    },
    {
      kind: 'tool_result',
      tool_use_id: 't1',
      is_error: false,
      content: found,
      via: 'web_search_tool_result',
    },
    { kind: 'tool_result', tool_use_id: 't2', is_error: true, content: error, via: 'web_search_tool_result' },
    { kind: 'tool_use', message_id: 'm', tool_use_id: 't3', tool: 'ask', input: {}, via: 'mcp_tool_use' },
    { kind: 'tool_result', tool_use_id: 't3', is_error: true, content: [], via: 'mcp_tool_result' },
  ])
})
