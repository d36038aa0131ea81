import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Machine, said } from '../../support/set-back-machine.ts'
import type { Cleanup } from '../../support/temp.ts'

/** Returns a machine that has sent its agent's whole journal. */
function machineOf(t: Cleanup) {
  const machine = new Machine(t, 'new')
  machine.says('one')
  machine.welcome({ offsets: {} })
  return machine
}

const COPIES = {
  'one line': (second: number) => second,
  'part of a line': (second: number) => second + 7,
  'more than the new journal': () => 5000,
}
for (const [had, offsetOf] of Object.entries(COPIES))
  test(`if a server has ${had} from an earlier agent with the same id, it gets the whole new journal`, (t) => {
    const machine = machineOf(t)
    const [frame] = machine.frames
    assert.equal(frame?.journal, 'new')
    const offset = offsetOf(frame!.events[1]!.offset)
    // The server has not received the frame when the daemon is killed.
    machine.agent.save()
    machine.stop({ clean: false })
    machine.start()

    // The second connection finds that the server has received nothing over the first.
    for (const _ of ['first', 'second']) {
      assert.equal(machine.welcome({ offsets: { a: offset }, journals: { a: 'earlier' } }), undefined)
      assert.deepEqual(said(machine.frames), ['set_back', 'process_started', 'process_exited', 'one'])
      machine.part()
    }
    assert.ok(machine.frames[0]!.from >= offset)
    const mark = machine.frames.flatMap(({ events }) => events).find(({ kind }) => kind === 'set_back')
    assert.equal((mark as { from?: number }).from, 0)
    const { journal = '', end } = machine.agent.status()
    assert.match(journal, /^new\.[0-9a-f]{8}$/)
    assert.equal(machine.welcome({ offsets: { a: end }, journals: { a: journal } }), undefined)
    assert.deepEqual(said(machine.frames), [])
  })

test('a server that has an unknown later generation of the same journal gets no event again', (t) => {
  const machine = machineOf(t)
  machine.acknowledge(machine.end)
  machine.part()
  assert.equal(machine.welcome({ offsets: { a: 5000 }, journals: { a: 'new.5be0c2f1' } }), undefined)
  machine.says('two')
  assert.deepEqual(said(machine.frames), ['set_back', 'two'])
})

test('a journal continues from a copy without a name, because an earlier version of the daemon may have sent it', (t) => {
  const machine = machineOf(t)
  const { end } = machine
  machine.acknowledge(end)
  machine.part()
  assert.equal(machine.welcome({ offsets: { a: end }, journals: {} }), undefined)
  machine.says('two')
  assert.deepEqual(said(machine.frames), ['two'])
  assert.equal(machine.frames[0]?.journal, 'new')
})
