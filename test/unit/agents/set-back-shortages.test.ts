// Needs: prlimit
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkProcesses } from '../../../src/agents/process/end.ts'
import { withoutDescriptors } from '../../support/descriptors.ts'
import { failingFiles } from '../../support/failing-files.ts'
import { Machine, said } from '../../support/set-back-machine.ts'
import type { Cleanup } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

/** Time after which a machine that had no space or file descriptors continues a journal, in ms. */
const RETRY_MS = 30_000

/** Returns a machine that was rolled back to a backup, while its server has `had` bytes. */
function setBack(t: Cleanup, had: string[]) {
  const machine = new Machine(t)
  machine.welcome({ offsets: {} })
  machine.says('one')
  machine.acknowledge(machine.end)
  machine.agent.save()
  machine.backUp()
  machine.says(...had)
  machine.acknowledge(machine.end)
  const { end } = machine
  machine.setBack()
  return { machine, had: end }
}

for (const shortage of ['file descriptors', 'disk space'] as const)
  test(`after a daemon without ${shortage} was killed, the machine does not appear to have been rolled back`, async (t) => {
    const machine = new Machine(t)
    machine.agent.save()
    machine.stop()
    machine.start()
    machine.says('one', 'two')
    const meet = () => void machine.welcome({ offsets: {} })
    if (shortage === 'disk space') {
      const repair = failingFiles(t, () => 'ENOSPC')
      meet()
      repair()
    } else await withoutDescriptors(meet)
    const { frames } = machine
    machine.stop({ clean: false })
    machine.start()
    assert.equal(machine.welcome({ offsets: { a: frames.at(-1)?.to ?? 0 } }), undefined)
    const all = ['process_started', 'process_exited', 'one', 'two']
    assert.deepEqual([...said(frames), ...said(machine.frames)], all)
    assert.equal(machine.agent.status().journal, undefined)
  })

test('a rollback is detected even if the daemon that resumed the agent was killed before its first connection', async (t) => {
  const { machine, had } = setBack(t, ['two'])
  await machine.agents.resume(machine.agent, 'c-2')
  await until(
    () => {
      while (machine.agent.catchUp());
      checkProcesses(machine.agent)
      return machine.agent.hasRunEnded
    },
    { what: 'the end of the second run' },
  )
  machine.stop({ clean: false })
  machine.start()
  assert.ok(machine.end > had)
  assert.equal(machine.welcome({ offsets: { a: had } }), undefined)
  assert.deepEqual(said(machine.frames), ['set_back', 'process_started', 'process_exited'])
})

for (const shortage of ['file descriptors', 'disk space'] as const)
  test(`without ${shortage}, a machine that was rolled back sends its journal later, and once`, async (t) => {
    const { machine, had } = setBack(t, ['two'])
    machine.says('again')
    const before = machine.size
    const meet = () => {
      // An error would make the server request the whole journal.
      assert.equal(machine.welcome({ offsets: { a: had } }), undefined)
      machine.clock.pass(RETRY_MS)
    }
    if (shortage === 'disk space') {
      const repair = failingFiles(t, (path) => (path.endsWith('generations.json') ? 'ENOSPC' : undefined))
      meet()
      repair()
    } else await withoutDescriptors(meet)
    assert.equal(machine.frames.length, 0)
    assert.equal(machine.size, before)
    machine.clock.pass(RETRY_MS)
    assert.deepEqual(said(machine.frames), ['set_back', 'again'])
    const { journal } = machine.agent.status()
    const sent = machine.frames.at(-1)!.to
    machine.stop({ clean: false })
    machine.start()
    machine.welcome({ offsets: { a: sent }, journals: { a: journal! } })
    assert.deepEqual(said(machine.frames), [])
    assert.equal(machine.agent.status().journal, journal)
  })

test('a machine that was rolled back repeatedly begins one generation, even if its first connections fail', (t) => {
  const { machine, had } = setBack(t, ['two'])
  machine.says('again')
  const server = { offsets: { a: had }, journals: { a: 'of-an-earlier-rollback' } }
  for (let n = 0; n < 3; n++) {
    assert.equal(machine.welcome(server), undefined)
    assert.deepEqual(said(machine.frames), ['set_back', 'again'])
    if (n === 1) machine.stop({ clean: false })
    else machine.part()
    if (n === 1) machine.start()
  }
  // The server has meanwhile received more from the other generation.
  assert.equal(machine.welcome({ ...server, offsets: { a: had + 10 } }), undefined)
  assert.deepEqual(said(machine.frames), ['set_back', 'set_back', 'again'])
})
