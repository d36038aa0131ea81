import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Agent } from '../../../src/agents/agent.ts'
import { UnseenEnds } from '../../../src/agents/unseen-ends.ts'
import type { Exit } from '../../../src/protocol/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tempDir } from '../../support/temp.ts'

const logger = { warn() {} } as never
const restarts = { again() {} }

function left(exit?: Exit) {
  const agent = {
    id: 'a',
    snapshot: { exit },
    get hasEnded() {
      return this.snapshot.exit !== undefined
    },
    explain(detail: string) {
      this.snapshot.exit = { ...this.snapshot.exit!, detail }
    },
  }
  return agent as typeof agent & Agent
}

test('agents that end just after a daemon’s start get the same explanation as agents that ended before the start', () => {
  const clock = new ManualClock()
  const unseen = new UnseenEnds({ clock, logger, restarts })
  const [before, soon, asked, late] = [left({ reason: 'killed' }), left(), left(), left()]
  for (const agent of [before, soon, asked, late]) unseen.add(agent)
  unseen.explain(() => 'The unit did.', false)
  const end = (agent: ReturnType<typeof left>, exit: Exit) => {
    Object.assign(agent.snapshot, { exit })
    unseen.onEnded(agent)
    return agent.snapshot.exit?.detail
  }
  assert.equal(before.snapshot.exit?.detail, 'The unit did.')
  assert.equal(end(soon, { reason: 'killed', signal: 'SIGTERM' }), 'The unit did.')
  assert.equal(end(asked, { reason: 'stopped' }), undefined)
  clock.pass(20_000)
  assert.equal(end(late, { reason: 'killed', signal: 'SIGTERM' }), undefined)
})

test('an agent that cannot be restarted on a full disk does not delay other agents', (t) => {
  const dir = tempDir(t)
  const back: Agent[] = []
  const unseen = new UnseenEnds({
    clock: new ManualClock(),
    logger,
    restarts: { again: (agent) => void back.push(agent) },
  })
  const [unwritable, other] = ['none/run.json', 'run.json'].map((run) =>
    Object.assign(left({ reason: 'killed' }), { run: {}, folder: { run: join(dir, run) }, touch() {} }),
  )
  for (const agent of [unwritable, other]) unseen.add(agent as unknown as Agent)
  unseen.explain(() => 'The unit did.', true)
  assert.deepEqual(back, [other])
})
