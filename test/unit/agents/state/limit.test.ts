import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptySnapshot, reduce } from '../../../../src/agents/state/reduce.ts'
import { Event } from '../../../../src/protocol/index.ts'

type Body = { kind: Event['kind']; [field: string]: unknown }

const iso = (s: number) => new Date(s * 1000).toISOString()

/** Returns the limit in a running agent's snapshot after these events, which are one second apart. */
function after(...bodies: Body[]) {
  const snapshot = emptySnapshot(iso(0))
  const run: Body[] = [
    { kind: 'process_started', run: 1 },
    { kind: 'reply', request_id: 'i', ok: true },
    running,
  ]
  for (const [offset, body] of [...run, ...bodies].entries())
    reduce(snapshot, Event.parse({ ...body, offset, index: 0 }), 'i', iso(offset))
  return snapshot.limit
}

const running: Body = { kind: 'state', state: 'running' }
const rejected = (rest: object = {}): Body => ({ kind: 'rate_limit', status: 'rejected', info: {}, ...rest })
const named = (resets_at?: number) =>
  rejected({ limit: 'five_hour', ...(resets_at !== undefined && { resets_at }) })
const allowed: Body = { kind: 'rate_limit', status: 'allowed', limit: 'five_hour', info: {} }
const result = (rest: object): Body => ({ kind: 'turn_result', outcome: 'success', is_error: true, ...rest })
const limited = result({ api_error_status: 429, usage_limit: true })
const tooMany = result({ api_error_status: 429 })

test('if a usage limit of the account ends a turn, the snapshot has the limit and the time of its reset', () => {
  assert.deepEqual(after(named(100), limited), { at: 4, since: iso(4), until: iso(100) })
  assert.deepEqual(after(named(), limited), { at: 4, since: iso(4) })
  assert.equal(after(named(100), result({ is_error: false })), undefined)
})

test('a turn that fails with HTTP 429 counts as ended by a limit only if the runtime has named the limit before', () => {
  assert.deepEqual(after(named(100), tooMany), { at: 4, since: iso(4), until: iso(100) })
  assert.equal(after(tooMany), undefined)
  assert.equal(after(rejected(), tooMany), undefined)
  assert.equal(after(named(100), rejected(), tooMany), undefined)
  assert.equal(after(named(100), result({ api_error_status: 529 })), undefined)
})

test('a reset that the runtime reports only once stays known until the next process starts', () => {
  assert.equal(after(named(100), limited, running, limited)?.until, iso(100))
  assert.equal(
    after(named(100), limited, { kind: 'process_started', run: 2 }, running, limited)?.until,
    undefined,
  )
})

test('a limit that is reached again is marked, unless the model has answered in between', () => {
  assert.equal(after(named(100), limited, running, named(200), limited)?.again, true)
  assert.equal(after(named(100), limited, running, allowed, named(200), limited)?.again, undefined)
  assert.equal(after(named(100), limited, limited)?.again, undefined)
})

test('a reset that has passed without effect is not announced again', () => {
  assert.equal(after(named(5), limited, running, limited)?.until, undefined)
  assert.equal(after(named(5), limited, running, named(6), limited)?.until, iso(6))
})

test('a limit is lifted by an answer of the model, but not by a text that the runtime itself writes', () => {
  const text: Body = { kind: 'text', message_id: 'm', text: 'limit', error: 'rate_limit' }
  const delta: Body = { kind: 'text_delta', message_id: 'm', block: 0, text: 'x' }
  const tool: Body = { kind: 'tool_result', tool_use_id: 't', is_error: false, content: '' }
  const lifted = (...then: Body[]) => after(named(100), limited, running, ...then)?.lifted
  assert.equal(lifted(), undefined)
  assert.equal(lifted(text), undefined)
  assert.equal(lifted(result({ api_error_status: 529 })), undefined)
  for (const sign of [allowed, delta, tool, result({ is_error: false })]) assert.equal(lifted(sign), iso(6))
  assert.equal(after(named(100), limited, tool)?.lifted, undefined)
})

test('limits in the turns of sub-agents are ignored, and so are impossible reset times', () => {
  assert.equal(after(named(100), { ...limited, parent_tool_use_id: 't' }), undefined)
  for (const resets_at of [1e300, -1e300]) assert.equal(after(named(resets_at), limited)?.until, undefined)
})

test('a limit stays in force after a command that the runtime carries out itself, such as /cost', () => {
  const local = result({ is_error: false, num_turns: 0 })
  const limit = { at: 4, since: iso(4), until: iso(100) }
  assert.deepEqual(after(named(100), limited, running, local), { ...limit, tried: undefined })
  assert.equal(after(named(100), limited, running, local, running, tooMany)?.until, iso(100))
  assert.equal(after(named(100), limited, running, result({ is_error: false, num_turns: 1 }))?.lifted, iso(6))
})
