import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { CommandLine } from '../../../src/hub/store/commands.ts'
import type { Store } from '../../../src/hub/store/store.ts'
import { addAgent } from '../filled-store.ts'
import type { StoreUnderTest } from './index.ts'

/** Adds tests of what `Store` promises about old data: sizes, limits, and data that the hub has forgotten. */
export function keepsWithinLimits(name: string, make: (t: TestContext) => StoreUnderTest) {
  describe(`${name}: old data`, () => {
    test('the size of a history grows with it, survives a kill, and is free after the removal of its agent', async (t) => {
      const under = make(t)
      const store = await under.open()
      const agents = ['a', 'b'].map((agent_id) => ({ agent_id, machine_id: 'm', ends: [1000] }))
      const [a, b] = [await addAgent(store, agents[0]!), await addAgent(store, agents[1]!)]
      const sizeOf = ({ journals }: Store, { key }: { key: string }) => journals.stateOf(key).bytes
      const short = sizeOf(store, a)
      // Each of the 100 events has more than 30 characters.
      assert.ok(short > 3000)
      assert.equal(sizeOf(store, b), short)
      await addAgent(store, { agent_id: 'c', machine_id: 'm', ends: [1000, 2000, 3000] })
      const all = await store.agents.load()
      const c = all.find(({ agent_id }) => agent_id === 'c')!
      const long = sizeOf(store, c)
      assert.ok(long > 2.5 * short)
      await store.agents.remove(a.key)
      assert.equal(sizeOf(store, a), 0)
      await under.kill(store)
      const again = await under.open()
      assert.deepEqual((await again.agents.load()).map(({ agent_id }) => agent_id).sort(), ['b', 'c'])
      assert.deepEqual([sizeOf(again, a), sizeOf(again, b), sizeOf(again, c)], [0, short, long])
      await again.close()
    })

    test('beyond its limit, the audit log loses its oldest lines, and the others keep their numbers', async (t) => {
      const under = make(t)
      const limits = { bytes: 1000, files: 3 }
      const store = await under.open(limits)
      const length = 100
      const lost: { from: number; to: number }[] = []
      for (let n = 0; n < 200; n++) {
        store.audit.add((number) => String(number).padEnd(length))
        const range = await store.audit.flush()
        if (range) lost.push(range)
      }
      const { first } = store.audit
      let next = 1
      for (const { from, to } of lost) {
        assert.equal(from, next)
        next = to + 1
      }
      assert.equal(first, next)
      const kept = (200 - first + 1) * length
      assert.ok(
        kept >= limits.bytes * (limits.files - 1) && kept <= limits.bytes * (limits.files + 1),
        `${kept}`,
      )
      await under.kill(store)
      const again = await under.open(limits)
      assert.deepEqual([again.audit.first, again.audit.newest], [first, 200])
      const numbers: number[] = []
      for await (const lines of again.audit.read(first)) numbers.push(...lines.map(Number))
      assert.deepEqual(
        numbers,
        Array.from({ length: 200 - first + 1 }, (_, n) => first + n),
      )
      await again.close()
    })

    test('the store deletes commands that the hub has forgotten', async (t) => {
      const under = make(t)
      const store = await under.open()
      const content = 'x'.repeat(1024 * 1024)
      const ids = { machine_id: 'm', agent_id: 'a' }
      const kept: CommandLine[] = []
      await store.commands.load({ visit() {}, isPending: () => false, kept: () => kept })
      for (let n = 0; n < 20; n++) {
        const command_id = `c${n}`
        await store.commands.append({
          version: 1,
          machine_id: 'm',
          command: { type: 'agent:prompt', command_id, agent_id: 'a', content },
        })
        const line: CommandLine = {
          version: 1,
          type: 'agent:prompt',
          outcome: { ...ids, command_id, state: 'succeeded' },
        }
        await store.commands.append(line)
        // The hub has forgotten every other command.
        if (n % 2 === 0) kept.push(line)
      }
      await store.commands.drain()
      await store.close()
      const again = await under.open()
      let chars = 0
      const answers: string[] = []
      await again.commands.load({
        visit(line) {
          chars += JSON.stringify(line).length
          if ('outcome' in line) answers.push(line.outcome.command_id)
        },
        isPending: () => false,
        kept: () => kept,
      })
      assert.ok(chars < 16 * 1024 * 1024)
      for (const line of kept) assert.ok('outcome' in line && answers.includes(line.outcome.command_id))
      await again.close()
    })
  })
}
