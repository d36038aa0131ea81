import assert from 'node:assert/strict'
import { test } from 'node:test'
import { render } from './rendered-conversation.ts'

test('a turn reads as a conversation', () => {
  assert.equal(
    render([
      { kind: 'process_started', run: 1 },
      { kind: 'session', session_id: 's-1', model: 'opus', cwd: '/work' },
      { kind: 'session', session_id: 's-1', model: 'opus', cwd: '/work' },
      { kind: 'user', content: 'Fix the\ntests\n' },
      { kind: 'state', state: 'running' },
      { kind: 'thinking_delta', block: 0, text: 'Let me ' },
      { kind: 'thinking_delta', block: 0, text: 'see.' },
      { kind: 'thinking', text: 'Let me see.' },
      { kind: 'text_delta', block: 1, text: 'I run ' },
      { kind: 'text_delta', block: 1, text: 'them.' },
      { kind: 'text', text: 'I run them.' },
      {
        kind: 'tool_use',
        tool_use_id: 't',
        tool: 'Bash',
        input: { command: 'npm test', description: 'run' },
      },
      { kind: 'tool_result', tool_use_id: 't', is_error: false, content: '1\n2\n\n3\n4\n5\n6\n7\n8' },
      {
        kind: 'turn_result',
        outcome: 'success',
        is_error: false,
        num_turns: 2,
        duration_ms: 3210,
        total_cost_usd: 0.0123,
      },
      { kind: 'process_exited', run: 1, code: 0 },
    ]),
    `-- started
-- session s-1, opus, /work
> Fix the
  tests
* Let me see.
I run them.
• Bash npm test
  ⎿ 1
    2
    3
    4
    5
    6
    … 2 more lines
✓ done (2 turns, 3.2 s, $0.0123 in this session)
-- ended with code 0
`,
  )
})

test('the session is shown when its id, model or mode changes', () => {
  const session = { kind: 'session', session_id: 's-1', model: 'opus', permission_mode: 'default' } as const
  assert.equal(
    render([
      session,
      session,
      { kind: 'session', session_id: 's-1', permission_mode: 'plan' },
      { ...session, permission_mode: 'plan' },
      { ...session, permission_mode: 'plan' },
    ]),
    '-- session s-1, opus\n-- permission mode plan\n-- session s-1, opus, plan\n',
  )
})

test('a finished block adds only the part that was not streamed', () => {
  assert.equal(
    render([
      { kind: 'text_delta', block: 0, text: 'Hel' },
      { kind: 'text', text: 'Hello' },
    ]),
    'Hello\n',
  )
  assert.equal(render([{ kind: 'text', text: 'Hello' }]), 'Hello\n')
  assert.equal(
    render([
      { kind: 'text_delta', block: 0, text: 'Hel' },
      { kind: 'text', text: 'Something else' },
    ]),
    'Hel\nSomething else\n',
  )
})

test('streamed text is shown once, even when interrupted by other output', () => {
  const prompt = { kind: 'user', content: 'And the docs?', prompt_id: 'p-2' } as const
  assert.equal(
    render([
      { kind: 'text_delta', message_id: 'm', block: 0, text: 'Hel' },
      prompt,
      { kind: 'text_delta', message_id: 'm', block: 0, text: 'lo, ' },
      { kind: 'task', task_id: 't', phase: 'started', description: 'tests', info: {} },
      { kind: 'text_delta', message_id: 'm', block: 0, text: 'you' },
      { kind: 'text', message_id: 'm', text: 'Hello, you' },
    ]),
    'Hel\n> And the docs?\nlo, \n-- task started: tests\nyou\n',
  )
  // The end of the text was already streamed, or comes only with the finished block. Deltas may have no
  // message id.
  for (const text of ['Hello', 'Hello, you'])
    assert.equal(
      render([
        { kind: 'thinking_delta', block: 0, text: 'Hello' },
        prompt,
        { kind: 'thinking', message_id: 'm', text },
      ]),
      `* Hello\n> And the docs?\n${text === 'Hello' ? '' : '* , you\n'}`,
    )
})

test('each of several interleaved blocks is shown once', () => {
  assert.equal(
    render([
      { kind: 'thinking_delta', message_id: 'm', block: 0, text: 'Let me' },
      { kind: 'text_delta', message_id: 'm', block: 1, text: 'I' },
      { kind: 'thinking_delta', message_id: 'm', block: 0, text: ' see.' },
      { kind: 'text_delta', message_id: 'm', block: 1, text: ' run' },
      { kind: 'thinking', message_id: 'm', text: 'Let me see.' },
      { kind: 'text', message_id: 'm', text: 'I run it.' },
    ]),
    '* Let me\nI\n*  see.\n run it.\n',
  )
  // A text of a sub-agent interrupts a text of the agent, and the same text comes again in another message.
  assert.equal(
    render([
      { kind: 'text_delta', message_id: 'm', block: 0, text: 'Done' },
      { kind: 'text', message_id: 's', parent_tool_use_id: 't', text: 'Done' },
      { kind: 'text', message_id: 'm', text: 'Done.' },
      { kind: 'text', message_id: 'n', text: 'Done.' },
    ]),
    'Done\n  │ Done\n.\nDone.\n',
  )
})

test('an unfinished block does not hide the output after it', () => {
  assert.equal(
    render([
      { kind: 'text_delta', block: 0, text: 'I was about' },
      { kind: 'turn_result', outcome: 'error_during_execution', is_error: true },
    ]),
    'I was about\n✗ during execution\n',
  )
  assert.equal(
    render([
      { kind: 'thinking_delta', block: 0, text: 'hm' },
      { kind: 'text_delta', block: 1, text: 'so' },
    ]),
    '* hm\nso\n',
  )
})

test('the output of sub-agents is indented, and only their finished blocks are shown', () => {
  assert.equal(
    render([
      { kind: 'text_delta', parent_tool_use_id: 't', block: 0, text: 'half' },
      { kind: 'text', parent_tool_use_id: 't', text: 'two\nlines' },
    ]),
    '  │ two\n  │ lines\n',
  )
})

test('only messages of a person or a server look like prompts', () => {
  assert.equal(
    render([
      { kind: 'user', content: 'Fix it.', prompt_id: 'p' },
      {
        kind: 'user',
        content: [{ type: 'text', text: '[Request interrupted by user]' }],
        origin: 'interrupt',
      },
      { kind: 'user', content: 'Stop hook feedback:\ngo on', origin: 'runtime' },
      { kind: 'user', content: 'Compacted', origin: 'command_output' },
      { kind: 'user', content: 'Task done', origin: 'task-notification' },
    ]),
    '> Fix it.\n-- Stop hook feedback: go on\n-- Compacted\n-- task-notification: Task done\n',
  )
})
