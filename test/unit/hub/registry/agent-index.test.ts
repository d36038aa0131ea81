import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AgentIndex, placeOf } from '../../../../src/hub/registry/agent-index.ts'
import type { AgentRecord } from '../../../../src/hub/store/records.ts'

const record = (machine_id: string, agent_id: string): AgentRecord => ({
  version: 1,
  machine_id,
  agent_id,
  key: `${machine_id} ${agent_id}`,
  gone: false,
})

test('pages of any size contain each agent once, also of machines whose ids contain NUL', () => {
  const index = new AgentIndex()
  const machines = ['b', 'a', 'a\0b', 'a\0', 'aa', '\0', 'é']
  const records = machines.flatMap((machine) => ['z', 'a', 'Z-1', 'z0'].map((id) => record(machine, id)))
  for (const each of records) index.add(each)
  const whole = [...index.inOrder('')]
  assert.deepEqual(new Set(whole), new Set(records))
  for (const [n, each] of whole.entries())
    assert.deepEqual([...index.inOrder(placeOf(each))], whole.slice(n + 1))
  assert.deepEqual([...index.inOrder('\uffff')], [])
})

test('agents that come and go appear on the next page, or no longer appear', () => {
  const index = new AgentIndex()
  const [first, second, third] = ['a', 'b', 'c'].map((id) => record('m', id)) as [
    AgentRecord,
    AgentRecord,
    AgentRecord,
  ]
  index.add(first)
  index.add(third)
  assert.deepEqual([...index.inOrder('')], [first, third])
  index.add(second)
  assert.deepEqual([...index.inOrder('')], [first, second, third])
  const other = record('other', 'x')
  index.add(other)
  index.remove(first)
  assert.deepEqual([...index.inOrder('')], [second, third, other])
  index.remove(other)
  assert.deepEqual([...index.inOrder('')], [second, third])
})

test('a page sorts only the agents of the machines that are on the page', () => {
  const index = new AgentIndex()
  let compared = 0
  for (let n = 0; n < 100; n++)
    for (let m = 0; m < 20; m++) {
      const each = record(`m-${n}`, `a-${m}`)
      const id = each.agent_id
      const get = () => {
        compared++
        return id
      }
      index.add(each)
      Object.defineProperty(each, 'agent_id', { get })
    }
  const [first] = index.inOrder('')
  assert.equal(first?.machine_id, 'm-0')
  assert.ok(compared < 500, `${compared} ids`)
})
