import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { giveAgents, MACHINE, statusesOf } from '../bench/hub-agents.ts'
import { frameOf, LightDaemon } from '../support/light-daemon.ts'
import { Stage } from '../support/stage.ts'

/** Time after which unchanged files are in a snapshot, in ms. */
const SETTLED_MS = 3100

test('a hub that was killed after it had started from a snapshot knows all that it acknowledged', async (t) => {
  const stage = await Stage.open(t)
  const statuses = statusesOf(600)
  giveAgents(stage, statuses)
  await pause(SETTLED_MS)
  const greet = () =>
    LightDaemon.greet({
      url: stage.hubUrl,
      key: readFileSync(join(stage.state, 'hub/machine.key'), 'utf8').trim(),
      hello: { machine_id: MACHINE, agents: statuses },
    })

  const first = await stage.hub()
  first.kill('SIGTERM')
  await first.ended
  assert.ok(statSync(join(stage.state, 'hub/agents.snapshot')).size > 0)

  const second = await stage.hub()
  const daemon = await greet()
  const known = daemon.offsets
  const end = known['agent-1']!
  daemon.send(frameOf('agent-1', end, end + 100))
  await daemon.acknowledged('agent-1', end + 100)
  daemon.send(frameOf('agent-2', end, end + 50))
  daemon.send(frameOf('agent-2', end + 50, end + 100))
  await daemon.acknowledged('agent-2', end + 100)
  second.kill('SIGKILL')
  await second.ended

  await stage.hub()
  const { offsets } = await greet()
  assert.deepEqual(offsets, { ...known, 'agent-1': end + 100, 'agent-2': end + 100 })
  assert.equal(Object.keys(offsets).length, statuses.length)
})
