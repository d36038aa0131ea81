import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withStyles } from '../../../src/cli/render/ansi.ts'
import { clean } from '../../../src/cli/render/clean.ts'
import { type GivenEvent, onTerminal, render } from './rendered-conversation.ts'

test('a request of a sub-agent is labeled with its task', () => {
  const task = { kind: 'task', task_id: 'a', phase: 'started', description: 'Read', info: {} } as const
  const asks = { kind: 'permission_request', ask: 'tool', tool: 'Bash', input: { command: 'ls' } } as const
  assert.equal(
    render([
      task,
      { ...task, task_id: 'b', description: 'Test' },
      { ...asks, request_id: '1', subagent_id: 'b', parent_tool_use_id: 't2' },
      { ...asks, request_id: '2', subagent_id: 'a', parent_tool_use_id: 't1' },
      { ...asks, request_id: '3' },
    ]),
    `-- task started: Read
-- task started: Test
? sub-agent "Test": asks to use Bash: ls
? sub-agent "Read": asks to use Bash: ls
? asks to use Bash: ls
`,
  )
})

test('an interrupt is shown as an interrupt instead of a failure', () => {
  const diagnostic = '[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=null'
  const failed = { kind: 'turn_result', outcome: 'error_during_execution', is_error: true } as const
  assert.equal(
    render([
      { kind: 'prompt_state', prompt_id: 'p', state: 'started' },
      { kind: 'user', content: '[Request interrupted by user]', origin: 'interrupt' },
      { ...failed, interrupted: true, errors: [diagnostic], num_turns: 2 },
      { kind: 'prompt_state', prompt_id: 'p', state: 'cancelled' },
    ]),
    '■ interrupted (2 turns)\n',
  )
  assert.equal(render([{ ...failed, errors: [diagnostic] }]), '✗ during execution\n')
  assert.equal(render([{ ...failed, errors: [diagnostic, 'No room'] }]), '✗ during execution: No room\n')
})

test('a started prompt is not reported as canceled, because the result of its turn is shown instead', () => {
  const failed = { kind: 'turn_result', outcome: 'success', is_error: true, text: 'API Error: 400' } as const
  const cancelled = { kind: 'prompt_state', prompt_id: 'p', state: 'cancelled' } as const
  // Checks both cases: the start of the prompt was seen, or reading began later.
  for (const events of [
    [{ kind: 'prompt_state', prompt_id: 'p', state: 'started' } as const, failed],
    [{ ...failed, prompt_ids: ['p'] }],
  ])
    assert.equal(render([...events, cancelled]), '✗ failed: API Error: 400\n')
  assert.equal(
    render([{ kind: 'prompt_state', prompt_id: 'p', state: 'queued' }, cancelled]),
    '! a prompt was canceled before the agent started it\n',
  )
  assert.equal(
    render([{ ...cancelled, by: 'alice\u001b[2J' }]),
    '! alice␛[2J withdrew a prompt before the agent started it\n',
  )
})

test('notices of the runtime are shown with their text, and cannot control the terminal', () => {
  assert.equal(
    render([
      {
        kind: 'notice',
        about: 'notification',
        text: 'stop hook\x1b[2J problem',
        level: 'immediate',
        info: {},
      },
      { kind: 'notice', about: 'informational', text: 'hello\nfrom hook', level: 'notice', info: {} },
      { kind: 'notice', about: 'session_writes_lost', text: 'Not saved: transcript', info: {} },
      { kind: 'compaction_started' },
      { kind: 'compaction_failed', error: 'Not enough messages.' },
      { kind: 'conversation_reset', conversation_id: 'c-2', trigger: 'clear' },
      { kind: 'redacted_thinking', data: 'EmwK' },
    ]),
    `! stop hook␛[2J problem
-- hello from hook
! Not saved: transcript
-- compacting the conversation
! failed to compact the conversation: Not enough messages.
-- the conversation was reset
* (encrypted thinking)
`,
  )
})

test('the request of an agent is shown in full', () => {
  const command = `rm -rf ${'a/'.repeat(120)}`
  const text = render([
    {
      kind: 'permission_request',
      request_id: 'r',
      ask: 'tool',
      tool: 'Bash',
      input: { command },
      description: 'clean up',
    },
  ])
  assert.match(text, /^\? asks to use Bash: rm -rf/)
  assert.ok(text.includes(command))
  assert.match(
    render([
      {
        kind: 'permission_request',
        request_id: 'r',
        ask: 'tool',
        tool: 'Edit',
        input: { file_path: '/a', old_string: 'x', new_string: 'y' },
      },
    ]),
    /Edit: \/a\n {2}file_path: \/a\n {2}old_string: x\n {2}new_string: y\n$/,
  )
  assert.match(
    render([
      {
        kind: 'permission_request',
        request_id: 'r',
        ask: 'plan',
        tool: 'ExitPlanMode',
        input: { plan: '1. do\n2. check' },
      },
    ]),
    /approve its plan:\n {4}1\. do\n {4}2\. check\n$/,
  )
  assert.equal(
    render([
      {
        kind: 'permission_request',
        request_id: 'r',
        ask: 'question',
        tool: 'AskUserQuestion',
        input: {},
        questions: [
          { question: 'Which?', header: 'DB', options: [{ label: 'A', description: 'big' }, { label: 'B' }] },
        ],
      },
    ]),
    '? DB: Which?\n  1. A - big\n  2. B\n',
  )
})

test('retries, limits, failures and unknown output are shown', () => {
  assert.match(
    render([{ kind: 'retry', attempt: 2, max_retries: 10, status: 529, delay_ms: 1500 }]),
    /HTTP 529\); try 2 of 10 in 1.5 s/,
  )
  assert.equal(
    render([{ kind: 'retry', attempt: 1, max_retries: 10, error: 'unknown', delay_ms: 600 }]),
    "! the model's service cannot be reached; try 1 of 10 in 0.6 s\n",
  )
  assert.match(
    render([
      { kind: 'rate_limit', status: 'rejected', limit: 'five_hour', resets_at: 1_800_000_000, info: {} },
    ]),
    /usage limit: five_hour rejected, resets at 2027-01-15 08:00 UTC/,
  )
  assert.match(
    render([{ kind: 'turn_result', outcome: 'success', is_error: true, text: 'API Error: 400' }]),
    /✗ failed: API Error: 400/,
  )
  assert.match(
    render([{ kind: 'process_exited', run: 1, reason: 'rebooted' }]),
    /ended when the machine rebooted/,
  )
  assert.match(render([{ kind: 'unknown', raw: { type: 'new', subtype: 'thing' } }]), /-- new\/thing/)
  assert.match(
    render([{ kind: 'unreadable', reason: 'torn', bytes: 12, text: '{"a' }]),
    /cannot read 12 bytes of output \(torn\)/,
  )
})

test('no agent can write anything but text to the terminal', () => {
  const evil = '\x1b]52;c;aGk=\x07\x1b[2J'
  const events: GivenEvent[] = [
    { kind: 'user', content: evil },
    { kind: 'text_delta', block: 0, text: evil },
    { kind: 'thinking', text: evil },
    { kind: 'tool_use', tool_use_id: 't', tool: evil, input: { command: evil } },
    {
      kind: 'tool_result',
      tool_use_id: 't',
      is_error: true,
      content: [{ type: 'text', text: evil }, { type: evil }],
    },
    {
      kind: 'permission_request',
      request_id: 'r',
      ask: 'tool',
      tool: evil,
      input: { command: evil, [evil]: { [evil]: evil } },
    },
    { kind: 'turn_result', outcome: evil, is_error: true, errors: [evil] },
    { kind: 'session', session_id: evil, model: evil },
    { kind: 'session', session_id: evil, permission_mode: evil },
    { kind: 'tool_use', tool_use_id: 'b', tool: 'Bash', input: { command: `${evil}\n${evil}` } },
    { kind: 'tool_use', tool_use_id: 'e', tool: 'Write', input: { file_path: evil, content: evil } },
    { kind: 'tool_result', tool_use_id: 'e', is_error: false, content: '' },
    { kind: 'text', parent_tool_use_id: 't', text: `# ${evil}` },
    { kind: 'unknown', raw: { type: evil } },
  ]
  const text = render(events, true)
  // Only the styles of this program are permitted.
  assert.equal(withStyles(text, clean), withStyles(text, String))
  assert.doesNotMatch(withStyles(text, clean).replace(/\x1b\[\d+m/g, ''), /[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
  for (const width of [10, 80])
    assert.doesNotMatch(
      onTerminal(events, width, true).replace(/\x1b\[\d+m/g, ''),
      /[\x00-\x09\x0b-\x1f\x7f-\x9f]/,
    )
})
