import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { END, type EventId, endOf, isAfter } from '../../../src/hub/store/event-id.ts'
import type { AgentRecord } from '../../../src/hub/store/records.ts'
import type { Store } from '../../../src/hub/store/store.ts'
import type { Activity, AnyEvent } from '../../../src/protocol/index.ts'
import { helloOf, statusOf } from '../light-daemon.ts'
import { earlierHistoryOf, historyOf } from './histories.ts'
import type { StoreUnderTest } from './index.ts'

const REF = { machine_id: 'm', agent_id: 'a' }
const ids = (events: EventId[]) => events.map(({ offset, index }) => `${offset}.${index}`)
/** Returns a frame with one line for every ten bytes. Each line has two events. */
function frame(from: number, to: number, text = 'x'): Activity {
  const events: AnyEvent[] = []
  for (let offset = from; offset < to; offset += 10)
    for (const index of [0, 1]) events.push({ kind: 'text', offset, index, text })
  return { type: 'agent:activity', agent_id: 'a', from, to, events }
}

/** Makes the store take a frame. Resolves when the frame is durable. */
async function stored({ journals }: Store, key: string, activity: Activity): Promise<void> {
  const durable = new Promise<void>((resolve) => {
    const leave = journals.events.on('committed', (keys) => {
      if (!keys.includes(key)) return
      leave()
      resolve()
    })
  })
  assert.equal(await journals.take(key, 'm', activity, 0), 'taken')
  await durable
}

const recordOf = (store: Store, agent_id = 'a', machine_id = 'm'): AgentRecord => ({
  version: 1,
  agent_id,
  machine_id,
  gone: false,
  ordered: true,
  key: store.agents.newKey({ agent_id, machine_id }),
})

/** Adds tests of what `Store` promises about agents and their journals. */
export function keepsActivity(name: string, make: (t: TestContext) => StoreUnderTest) {
  describe(`${name}: journals`, () => {
    test('committed activity is in the store after a kill, with its offsets and ids', async (t) => {
      const under = make(t)
      const store = await under.open()
      const record = recordOf(store)
      await store.agents.save(record)
      await stored(store, record.key, { ...frame(0, 100), journal: 'second' })
      await under.kill(store)
      const again = await under.open()
      await again.journals.open(record.key)
      const { have, ackOffset, wantedOffset, shift, journal } = again.journals.stateOf(record.key)
      assert.deepEqual(
        { have, ackOffset, wantedOffset, shift, journal },
        { have: 100, ackOffset: 100, wantedOffset: 100, shift: 0, journal: 'second' },
      )
      assert.deepEqual(ids(await historyOf(again, record.key)), ids(frame(0, 100).events))
      await again.close()
    })

    test('the activity of a new agent belongs to this agent after a kill', async (t) => {
      const under = make(t)
      const store = await under.open()
      await store.agents.load()
      const record = recordOf(store)
      store.agents.saveSoon(record)
      await stored(store, record.key, frame(0, 20))
      await under.kill(store)
      const again = await under.open()
      const known = (await again.agents.load()).find(({ agent_id }) => agent_id === 'a')
      const key = known?.key ?? again.agents.newKey(REF)
      await again.journals.open(key)
      assert.equal(again.journals.stateOf(key).have, 20)
      await again.close()
    })

    test('a frame is stored once, and a gap is never stored', async (t) => {
      const under = make(t)
      const store = await under.open()
      const { key } = recordOf(store)
      const { journals } = store
      await stored(store, key, frame(0, 50))
      assert.equal(await journals.take(key, 'm', frame(0, 50), 0), 'known')
      assert.equal(await journals.take(key, 'm', frame(60, 70), 0), 'gap')
      // The store takes only the new part of a frame that overlaps the end.
      await stored(store, key, frame(30, 80))
      // The machine has deleted the bytes before this frame.
      assert.equal(await journals.take(key, 'm', frame(200, 210), 200), 'taken')
      await store.close()
      const again = await under.open()
      await again.journals.open(key)
      const all = await historyOf(again, key)
      assert.deepEqual(ids(all), ids([...frame(0, 80).events, ...frame(200, 210).events]))
      assert.equal(again.journals.stateOf(key).have, 210)
      await again.close()
    })

    test('reading can continue after any event, and after a range that contains no events', async (t) => {
      const under = make(t)
      const store = await under.open()
      const { key } = recordOf(store)
      const all: AnyEvent[] = []
      for (let from = 0; from < 2000; from += 100) {
        const activity = frame(from, from + 100, 'x'.repeat(1000))
        all.push(...activity.events)
        await stored(store, key, activity)
      }
      await stored(store, key, { ...frame(2000, 2000), to: 2100 })
      for (const n of [0, 1, 77, 250, all.length - 1]) {
        const { offset, index } = all[n]!
        assert.deepEqual(ids(await historyOf(store, key, { offset, index })), ids(all.slice(n + 1)))
      }
      const reader = store.journals.read(key, all.at(-1)!)
      const { events, last, isEnd } = await reader.next()
      assert.deepEqual({ events, last, isEnd }, { events: [], last: endOf(2100), isEnd: true })
      // The reader also returns events that are stored later.
      await stored(store, key, frame(2100, 2110))
      assert.deepEqual(ids((await reader.next()).events), ids(frame(2100, 2110).events))
      await store.close()
    })

    test('a history can be read backward from any event, and from a range that contains no events', async (t) => {
      const under = make(t)
      const store = await under.open()
      const { key } = recordOf(store)
      assert.deepEqual(await earlierHistoryOf(store, key), [])
      const all: AnyEvent[] = []
      for (let from = 0; from < 2000; from += 100) {
        const activity = frame(from, from + 100, 'x'.repeat(1000))
        all.push(...activity.events)
        await stored(store, key, activity)
      }
      await stored(store, key, { ...frame(2000, 2000), to: 2100 })
      await stored(store, key, frame(2100, 2110))
      all.push(...frame(2100, 2110).events)
      assert.deepEqual(ids(await earlierHistoryOf(store, key)), ids(all))
      for (const n of [0, 1, 2, 77, 250, all.length - 1]) {
        const { offset, index } = all[n]!
        const place = { offset, index }
        for (const most of [Infinity, 7, 1000])
          assert.deepEqual(ids(await earlierHistoryOf(store, key, place, most)), ids(all.slice(0, n)))
      }
      for (const offset of [2050, 2100])
        assert.deepEqual(ids(await earlierHistoryOf(store, key, { offset, index: 0 })), ids(all.slice(0, -2)))
      // A first batch is a part of a long history.
      const { events, first, isBeginning } = await store.journals.readBackward(key, END).next(Infinity)
      assert.ok(events.length < all.length && !isBeginning)
      assert.deepEqual(ids([...(await earlierHistoryOf(store, key, first)), ...events]), ids(all))
      await store.close()
    })

    test('reading backward finds the mark of another journal, and everything on both sides of the mark', async (t) => {
      const under = make(t)
      const store = await under.open()
      const { key } = recordOf(store)
      await stored(store, key, frame(0, 50))
      await store.journals.turn(key, 20)
      await stored(store, key, frame(20, 40))
      const all = await historyOf(store, key)
      assert.deepEqual(await earlierHistoryOf(store, key), all)
      for (const [n, { offset, index }] of all.entries())
        assert.deepEqual(await earlierHistoryOf(store, key, { offset, index }), all.slice(0, n))
      await store.close()
    })

    test('a history keeps all ids in order when its machine switches to another journal', async (t) => {
      const under = make(t)
      const store = await under.open()
      const { key } = recordOf(store)
      await stored(store, key, frame(0, 50))
      await store.journals.turn(key, 20)
      assert.equal(store.journals.stateOf(key).wantedOffset, 20)
      await stored(store, key, frame(20, 40))
      const { ackOffset, have, shift } = store.journals.stateOf(key)
      assert.deepEqual([ackOffset, have - shift], [40, 40])
      await under.kill(store)
      const again = await under.open()
      await again.journals.open(key)
      assert.equal(again.journals.stateOf(key).ackOffset, 40)
      const all = await historyOf(again, key)
      assert.deepEqual(
        all.filter((event, n) => n > 0 && !isAfter(event, all[n - 1]!)),
        [],
      )
      assert.equal(all.filter(({ kind }) => kind === 'set_back').length, 1)
      await again.close()
    })

    test('closing a store writes all activity that the store has taken', async (t) => {
      const under = make(t)
      const store = await under.open()
      const { key } = recordOf(store)
      assert.equal(await store.journals.take(key, 'm', frame(0, 10), 0), 'taken')
      assert.ok(store.journals.waitingOf('m') > 0 && store.journals.hasRoom(key))
      await store.close()
      const again = await under.open()
      await again.journals.open(key)
      assert.deepEqual([again.journals.stateOf(key).have, again.journals.waitingOf('m')], [10, 0])
      await again.close()
    })
  })

  describe(`${name}: agents and machines`, () => {
    test('each agent has its own key, and keeps the key when it moves', async (t) => {
      const under = make(t)
      const store = await under.open()
      const records = ['m', 'm-2', 'm-3'].map((machine) => recordOf(store, 'a', machine))
      assert.equal(new Set(records.map(({ key }) => key)).size, 3)
      for (const record of records) await store.agents.save(record)
      const moved = records[1]!
      moved.machine_id = 'm-4'
      await store.agents.save(moved)
      await under.kill(store)
      const again = await under.open()
      const byKey = (a: AgentRecord, b: AgentRecord) => a.key.localeCompare(b.key)
      assert.deepEqual((await again.agents.load()).sort(byKey), records.sort(byKey))
      assert.ok(!records.some(({ key }) => key === again.agents.newKey({ agent_id: 'a', machine_id: 'm' })))
      await again.close()
    })

    test('the store deletes a removed agent with its journal, and the id can be used again', async (t) => {
      const under = make(t)
      const store = await under.open()
      const record = recordOf(store)
      await store.agents.save(record)
      await stored(store, record.key, frame(0, 50))
      await store.agents.remove(record.key)
      const next = recordOf(store)
      await stored(store, next.key, frame(0, 10))
      await store.agents.save(next)
      await under.kill(store)
      const again = await under.open()
      assert.deepEqual(await again.agents.load(), [next])
      await again.journals.open(next.key)
      assert.equal(again.journals.stateOf(next.key).have, 10)
      await again.close()
    })

    test('closing a store saves a record whose write is pending, with its latest values', async (t) => {
      const under = make(t)
      const store = await under.open()
      const record = recordOf(store)
      store.agents.saveSoon(record)
      record.status = statusOf('a')
      const { hostname, os, arch, daemon_version, machine } = helloOf()
      const facts = { machine_id: 'm', hostname, os, arch, daemon_version, since: 'now' }
      store.machines.saveSoon({ ...facts, status: machine })
      await store.machines.save({ ...facts, machine_id: 'm-2', name: 'two', status: machine })
      await store.machines.save({ ...facts, machine_id: 'm-3', status: machine })
      await store.machines.remove('m-3')
      await store.close()
      const again = await under.open()
      const [loaded] = await again.agents.load()
      assert.equal(loaded?.status?.agent_id, REF.agent_id)
      assert.deepEqual(
        (await again.machines.load()).map(({ machine_id, name }) => [machine_id, name]),
        [
          ['m', undefined],
          ['m-2', 'two'],
        ],
      )
      await again.close()
    })
  })
}
