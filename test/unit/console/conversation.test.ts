import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../../src/agents/runtimes/claude/decode.ts'
import type { Block, EventOf } from '../../../src/console/agent/block.ts'
import { Conversation } from '../../../src/console/agent/conversation.ts'
import type { Event } from '../../../src/protocol/events.ts'
import { recordings } from '../../support/claude-samples.ts'
import { fullEvents } from '../../support/full-sample.ts'

/** Gives events the places that they have in a journal. */
const placed = (bodies: object[]): Event[] =>
  bodies.map((body, at) => ({ ...body, offset: at * 100, index: 0 }) as Event)

const samples = recordings().map(({ name, out }) => ({ name, events: placed(out.flatMap(decode)) }))

function blocksOf(events: readonly Event[]): readonly Block[] {
  const conversation = new Conversation()
  conversation.set(events)
  return conversation.blocks
}

/** Returns blocks without the fields that depend on the order in which pages arrive. */
const contentOf = (blocks: readonly Block[]): unknown[] =>
  blocks.map(({ key: _key, ...block }) =>
    block.kind === 'tool' ? { ...block, inner: contentOf(block.inner) } : block,
  )

const toolsOf = (blocks: readonly Block[]) => blocks.filter((block) => block.kind === 'tool')

const uniqueKeys = (blocks: readonly Block[]): boolean =>
  new Set(blocks.map(({ key }) => key)).size === blocks.length &&
  toolsOf(blocks).every(({ inner }) => uniqueKeys(inner))

for (const { name, events } of samples) {
  test(`the recording ${name} has the same blocks at once, event by event, and page by page`, () => {
    const expected = contentOf(blocksOf(events))
    const growing = new Conversation()
    for (let count = 0; count <= events.length; count++) {
      growing.set(events.slice(0, count))
      assert.ok(uniqueKeys(growing.blocks))
    }
    assert.deepEqual(contentOf(growing.blocks), expected)
    for (let cut = 1; cut < events.length; cut++) {
      const paged = new Conversation()
      paged.set(events.slice(cut))
      paged.set(events.slice(cut >> 1))
      paged.set(events)
      assert.deepEqual(contentOf(paged.blocks), expected, `cut at ${cut}`)
      assert.ok(uniqueKeys(paged.blocks))
    }
  })
}

const sampleOf = (name: string) => samples.find((sample) => sample.name === name)!.events

test('text that arrives in pieces grows, and is replaced by the finished text under the same key', () => {
  const conversation = new Conversation()
  const events = placed([
    { kind: 'text_delta', message_id: 'm', block: 0, text: 'Hel' },
    { kind: 'text_delta', message_id: 'm', block: 0, text: 'lo' },
    { kind: 'text', message_id: 'm', text: 'Hello!' },
  ])
  conversation.set(events.slice(0, 2))
  const [growing] = conversation.blocks
  assert.ok(growing?.kind === 'text' && growing.text === 'Hello' && growing.growth === 'growing')
  conversation.set(events)
  const [finished, ...others] = conversation.blocks
  assert.ok(finished?.kind === 'text' && finished.text === 'Hello!' && finished.growth === 'finished')
  assert.equal(finished.key, growing.key)
  assert.deepEqual(others, [])
})

test('text without an end is marked when the turn ends', () => {
  const blocks = blocksOf(
    placed([
      { kind: 'thinking_delta', message_id: 'm', block: 0, text: 'Hm' },
      { kind: 'process_exited', run: 1, signal: 'SIGKILL' },
    ]),
  )
  assert.ok(blocks[0]?.kind === 'thinking' && blocks[0].growth === 'cut')
})

test('blocks that did not change keep their identity', () => {
  const events = sampleOf('08-subagent-fwd')
  const conversation = new Conversation()
  conversation.set(events.slice(0, -2))
  const before = conversation.blocks
  conversation.set(events)
  assert.ok(before.every((block, at) => conversation.blocks[at] === block))
  conversation.set(events.slice(1))
  assert.equal(toolsOf(conversation.blocks)[0], toolsOf(before)[0])
  assert.equal(conversation.blocks.at(-1)?.kind, 'turn')
})

test('what a sub-agent does is in the block of the tool use that started it', () => {
  const [task, ...others] = toolsOf(blocksOf(sampleOf('08-subagent-fwd')))
  assert.deepEqual(others, [])
  assert.equal(task?.tool, 'Task')
  assert.deepEqual(
    task.inner.map(({ kind }) => kind),
    ['runtime_message', 'thinking', 'text', 'tool', 'text'],
  )
  assert.deepEqual([task.inner_tools, task.inner_waiting], [1, 0])
  assert.equal(toolsOf(task.inner)[0]?.answer, 'allowed')
})

test('a tool use shows how its request ended', () => {
  const answers = (name: string) =>
    toolsOf(blocksOf(sampleOf(name))).flatMap(({ answer }) => (answer === undefined ? [] : [answer]))
  assert.deepEqual(answers('03-interrupt').slice(0, 2), ['answered', 'withdrawn'])
  assert.ok(answers('02-initialize-permissions').includes('denied'))
  assert.ok(answers('02-initialize-permissions').includes('allowed'))
  const request = { kind: 'permission_request', request_id: 'r', ask: 'tool', tool: 'Bash', input: {} }
  const use = { kind: 'tool_use', tool_use_id: 't', tool: 'Bash', input: {} }
  const [waiting] = toolsOf(blocksOf(placed([use, { ...request, tool_use_id: 't' }])))
  assert.equal(waiting?.answer, 'waiting')
  const end = { kind: 'process_exited', run: 1 }
  const [over] = toolsOf(blocksOf(placed([use, { ...request, tool_use_id: 't' }, end])))
  assert.deepEqual([over?.answer, over?.state], ['unanswered', 'unfinished'])
})

test('a turn shows its own cost, which needs the cost before it', () => {
  const turn = (total_cost_usd: number) => ({
    kind: 'turn_result',
    outcome: 'success',
    is_error: false,
    total_cost_usd,
  })
  const events = placed([{ kind: 'process_started', run: 1 }, turn(0.25), turn(1), turn(1.5)])
  const costs = (blocks: readonly Block[]) =>
    blocks.flatMap((block) => (block.kind === 'turn' ? [block.cost_usd] : []))
  assert.deepEqual(costs(blocksOf(events)), [0.25, 0.75, 0.5])
  const paged = new Conversation()
  paged.set(events.slice(2))
  assert.deepEqual(costs(paged.blocks), [undefined, 0.5])
  paged.set(events)
  assert.deepEqual(costs(paged.blocks), [0.25, 0.75, 0.5])
})

test('a queued prompt becomes the message, and a canceled one says so', () => {
  const conversation = new Conversation()
  const states = (blocks: readonly Block[]) =>
    blocks.flatMap((block) =>
      block.kind === 'prompt' ? [[block.content, block.state, ...(block.by ? [block.by] : [])]] : [],
    )
  const events = placed([
    { kind: 'prompt_state', prompt_id: 'a', state: 'queued' },
    { kind: 'prompt_state', prompt_id: 'b', state: 'queued' },
    { kind: 'prompt_state', prompt_id: 'a', state: 'started' },
    { kind: 'user', prompt_id: 'a', content: 'Do it' },
    { kind: 'prompt_state', prompt_id: 'b', state: 'cancelled', by: 'alice' },
    { kind: 'prompt_state', prompt_id: 'a', state: 'completed' },
    { kind: 'prompt_state', prompt_id: 'c', state: 'cancelled' },
  ])
  conversation.set(events.slice(0, 2))
  assert.deepEqual(states(conversation.blocks), [
    [undefined, 'queued'],
    [undefined, 'queued'],
  ])
  conversation.set(events)
  assert.deepEqual(states(conversation.blocks), [
    [undefined, 'cancelled', 'alice'],
    ['Do it', 'completed'],
    [undefined, 'cancelled'],
  ])
})

test('a message in the place of the user is told apart from what a person said', () => {
  const kinds = blocksOf(sampleOf('11-compact')).flatMap((block) =>
    block.kind === 'runtime_message' ? [block.origin] : [],
  )
  assert.deepEqual(kinds, ['runtime', 'command_output'])
})

test('the end of a background task is told where it happens', () => {
  const blocks = blocksOf(sampleOf('11-background-bash'))
  assert.ok(blocks.some((block) => block.kind === 'remark' && /^Background task ended/.test(block.text)))
  assert.equal(toolsOf(blocks)[0]?.task?.status, 'completed')
})

test('every kind of event can be read alone, and in any order', () => {
  const events = placed(fullEvents())
  for (const order of [events, events.toReversed()]) {
    const again = placed(order)
    assert.ok(JSON.stringify(blocksOf(again)).length > 5000)
    assert.ok(uniqueKeys(blocksOf(again)))
  }
  for (const event of events) blocksOf([event])
})

test('tool uses that name each other as parents are still shown', () => {
  const use = (id: string, parent: string): Partial<EventOf<'tool_use'>> => ({
    kind: 'tool_use',
    tool_use_id: id,
    tool: 'Task',
    input: {},
    parent_tool_use_id: parent,
  })
  const result = {
    kind: 'tool_result',
    tool_use_id: 'd',
    parent_tool_use_id: 'c',
    is_error: false,
    content: '',
  }
  const blocks = blocksOf(placed([use('a', 'b'), use('b', 'a'), use('x', 'x'), result, use('c', 'd')]))
  const all = (list: readonly Block[]): string[] =>
    toolsOf(list).flatMap(({ tool_use_id, inner }) => [tool_use_id, ...all(inner)])
  assert.deepEqual(all(blocks).toSorted(), ['a', 'b', 'c', 'd', 'x'])
})
