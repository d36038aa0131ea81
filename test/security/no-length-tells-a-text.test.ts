import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { TestHub } from '../support/hub.ts'
import { statusOf } from '../support/light-daemon.ts'

const secret = randomBytes(256).toString('base64url')

test('the length of a compressed list does not tell whether a machine has guessed the text of another', async (t) => {
  const hub = await TestHub.open(t)
  // The list must be long enough to be compressed.
  const others = Array.from({ length: 100 }, (_, n) => statusOf(`other-${n}`))
  await hub.daemon({ agents: [...others, statusOf('victim', { title: secret })] })
  const attacker = await hub.daemon({ machine_id: 'machine-2', hostname: 'host-2' })

  /** Returns the length of the list while the attacker's agent has this title. */
  async function lengthWith(title: string, revision: number): Promise<number> {
    attacker.send({ type: 'agent:status', ...statusOf('guess', { title, revision }) })
    await attacker.settled()
    const answer = await hub.request('GET', '/api/agents')
    assert.equal(answer.headers.get('content-encoding'), 'gzip')
    assert.ok((await answer.text()).includes(title))
    return Number(answer.headers.get('content-length'))
  }

  const right = await lengthWith(secret, 1)
  const wrong = await lengthWith(randomBytes(256).toString('base64url'), 2)
  assert.ok(Math.abs(right - wrong) < 20, `${right} bytes with the right guess, ${wrong} with a wrong one`)
})
