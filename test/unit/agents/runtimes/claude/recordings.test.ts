import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../../../../src/agents/runtimes/claude/decode.ts'
import { isSkippable } from '../../../../../src/agents/runtimes/claude/skippable.ts'
import type { EventBody } from '../../../../../src/agents/runtimes/conversation.ts'
import { Event } from '../../../../../src/protocol/index.ts'
import { recordings } from '../../../../support/claude-samples.ts'

const LONGEST_SHOWN = 60

/** Returns an event on one line, with every field that matters to a person, and with long texts cut off. */
function shown(event: EventBody): string {
  const { kind, ...fields } = event
  return `${kind} ${JSON.stringify(fields, (key, value) => {
    if (['message_id', 'time', 'cwd', 'info', 'suggestions', 'usage', 'model_usage'].includes(key))
      return undefined
    if (['tools', 'mcp_servers', 'duration_ms', 'total_cost_usd', 'runtime_version'].includes(key))
      return undefined
    if (key === 'response' && kind === 'reply') return value?.behavior ?? value?.mode ?? value?.model
    return typeof value === 'string' && value.length > LONGEST_SHOWN
      ? `${value.slice(0, LONGEST_SHOWN)}…`
      : value
  })}`
}

for (const { name, out, expected } of recordings()) {
  test(`the recording ${name} decodes to the expected events`, () => {
    const said = out.flatMap(decode).map(shown)
    assert.deepEqual(said, expected.trimEnd().split('\n'))
  })

  test(`the recording ${name} decodes to valid events of the protocol`, () => {
    for (const line of out)
      for (const [index, body] of decode(line).entries()) {
        const event = { ...body, offset: 0, index }
        assert.deepEqual(Event.parse(event), event)
      }
  })
}

test('no recording contains an unknown line', () => {
  const lines = recordings().flatMap(({ out }) => out)
  assert.deepEqual(
    lines.filter((line) => decode(line).some(({ kind }) => kind === 'unknown')),
    [],
  )
})

test('skippable lines are recognized without parsing, even after a torn line', () => {
  const talk = ['text', 'thinking', 'tool_use', 'text_delta', 'thinking_delta', 'tool_input_delta', 'unknown']
  const lines = recordings().flatMap(({ out }) => out)
  const isSaid = (line: string) => decode(line).every(({ kind }) => [...talk, 'tool_progress'].includes(kind))
  const some = lines.filter((line) => isSkippable(Buffer.from(line)))
  const others = lines.filter((line) => !isSaid(line))
  for (const line of some) for (const { kind } of decode(line)) assert.ok(talk.includes(kind), line)
  assert.ok(some.length > 100 && others.length > 100, `${some.length} and ${others.length}`)
  for (const line of others)
    assert.equal(isSkippable(Buffer.from(`${some[0]!.slice(0, 60)}${line}`)), false, line)
})
