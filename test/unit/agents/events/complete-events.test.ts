import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Journal } from '../../../../src/agents/disk/journal.ts'
import { eventsOf } from '../../../support/journal.ts'
import { tempDir } from '../../../support/temp.ts'

const words = (text: string) => ({ type: 'text', text })
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }
const pixels = { type: 'image', media_type: 'image/png', data: 'aGk=' }

const echo = (id: string, content: unknown, time?: string) => ({
  type: 'user',
  message: { role: 'user', content },
  uuid: id,
  isReplay: true,
  ...(time && { timestamp: time }),
})
const lifecycle = (id: string, state: string) => ({ type: 'command_lifecycle', command_uuid: id, state })
const init = { type: 'system', subtype: 'init', session_id: 's', model: 'opus' }
const status = { type: 'system', subtype: 'status', status: 'requesting' }
const hook = { type: 'system', subtype: 'hook_started', hook_id: 'h', hook_name: 'x', hook_event: 'y' }
const result = { type: 'result', subtype: 'success', is_error: false }

/**
 * Returns the prompts in a journal with these lines, from line `skip` on. Each prompt has its id and its
 * content.
 */
function prompts(t: TestContext, lines: object[], skip = 0) {
  const path = join(tempDir(t), 'journal.jsonl')
  const text = lines.map((line) => `${JSON.stringify(line)}\n`)
  writeFileSync(path, text.join(''))
  const journal = new Journal(path)
  const found: [string | undefined, unknown][] = []
  journal.lines(Buffer.byteLength(text.slice(0, skip).join('')), 1e9, (line) => {
    for (const event of eventsOf(line, path))
      if (event.kind === 'user') found.push([event.prompt_id, event.content])
    return undefined
  })
  journal.close()
  return found
}

const joined = (...blocks: object[]) => echo('d', blocks, '2026-11-26T02:07:48.435Z')
const queue = [
  result,
  echo('b', 'second'),
  echo('c', [words('third'), words('part 2')]),
  lifecycle('b', 'started'),
  hook,
  lifecycle('c', 'started'),
  lifecycle('d', 'started'),
  init,
  status,
]
const each = [
  ['b', 'second'],
  ['c', [words('third'), words('part 2')]],
  ['d', 'fourth'],
]

test('prompts that were queued and then delivered together appear once each', (t) => {
  // Claude Code 2.1.332 and 2.1.260.
  const newer = joined(words('second\n'), words('third'), words('part 2\n'), words('fourth'))
  const older = joined(words('second'), words('third'), words('part 2'), words('fourth'))
  for (const last of [newer, older]) {
    assert.deepEqual(prompts(t, [...queue, last]), each)
    // The events are the same, no matter at which line reading begins.
    assert.deepEqual(prompts(t, [...queue, last], queue.length), each.slice(2))
  }
})

test('each image of a queued prompt appears once', (t) => {
  const lines = [
    echo('b', 'look'),
    echo('c', [words('this\n'), image]),
    echo('d', [words('look\n'), words('this\n'), image, image, words('or'), words('this')]),
  ]
  assert.deepEqual(prompts(t, lines), [
    ['b', 'look'],
    ['c', [words('this\n'), pixels]],
    ['d', [pixels, words('or'), words('this')]],
  ])
})

test('a prompt stays whole if it consists of blocks and begins like an earlier prompt', (t) => {
  const blocks = [words('second\n'), words('fourth')]
  const turn = [{ type: 'assistant', message: { id: 'm', content: [words('ok')] } }, result]
  assert.deepEqual(prompts(t, [echo('b', 'second'), ...turn, joined(...blocks)]), [
    ['b', 'second'],
    ['d', blocks],
  ])
  assert.deepEqual(prompts(t, [echo('b', 'other'), joined(...blocks)]), [
    ['b', 'other'],
    ['d', blocks],
  ])
  assert.deepEqual(prompts(t, [joined(...blocks)]), [['d', blocks]])
  // The joined prompt has the same blocks as the earlier prompt. Without these blocks, it would be empty, so
  // it counts as a separate prompt.
  assert.deepEqual(prompts(t, [echo('b', blocks), joined(...blocks)]).at(-1), ['d', blocks])
})

test('a sub-agent’s request names the tool use that started the sub-agent, even if two sub-agents ask at once', (t) => {
  const uses = (id: string, parent: string) => ({
    type: 'assistant',
    message: { id: 'm', content: [{ type: 'tool_use', id, name: 'Bash', input: {} }] },
    parent_tool_use_id: parent,
  })
  const asks = (id: string, tool: string, subagent?: string) => ({
    type: 'control_request',
    request_id: id,
    request: { subtype: 'can_use_tool', tool_name: 'Bash', input: {}, tool_use_id: tool, agent_id: subagent },
  })
  const lines = [
    uses('t1', 'p1'),
    uses('t2', 'p2'),
    asks('1', 't1', 'a'),
    asks('2', 't2', 'b'),
    asks('3', 't1'),
  ]
  const path = join(tempDir(t), 'journal.jsonl')
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const journal = new Journal(path)
  t.after(() => journal.close())
  const found: unknown[] = []
  journal.lines(0, 1e9, (line) => {
    for (const event of eventsOf(line, path))
      if (event.kind === 'permission_request') found.push([event.subagent_id, event.parent_tool_use_id])
    return undefined
  })
  assert.deepEqual(found, [
    ['a', 'p1'],
    ['b', 'p2'],
    [undefined, undefined],
  ])
})
