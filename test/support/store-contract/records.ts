import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { CommandLine } from '../../../src/hub/store/commands.ts'
import type { KeyEntry } from '../../../src/hub/store/key-entry.ts'
import type { RolloutRecord } from '../../../src/hub/store/rollout-records.ts'
import type { Store } from '../../../src/hub/store/store.ts'
import { AgentSpec, type Command } from '../../../src/protocol/index.ts'
import type { StoreUnderTest } from './index.ts'

async function commandsIn(store: Store, pending: string[] = []): Promise<CommandLine[]> {
  const lines: CommandLine[] = []
  await store.commands.load({
    visit: (line) => lines.push(line),
    isPending: (id) => pending.includes(id),
    kept: () => lines,
  })
  return lines
}

const order = (command_id: string): CommandLine & { command: Command } => ({
  version: 1,
  machine_id: 'm',
  command: { type: 'agent:prompt', command_id, agent_id: 'a', content: command_id },
})

const answer = (command_id: string): CommandLine => ({
  version: 1,
  type: 'agent:prompt',
  outcome: { command_id, machine_id: 'm', agent_id: 'a', state: 'succeeded' },
  at: 1,
})

const keyEntry = (name: string): KeyEntry => ({
  role: 'machine',
  name,
  created_at: '2026-01-01T00:00:00.000Z',
  sha256: `hash of ${name}`,
  named: true,
  bound: true,
})

/** Adds tests of what `Store` promises about commands, keys, and the audit log. */
export function keepsRecords(name: string, make: (t: TestContext) => StoreUnderTest) {
  describe(`${name}: commands`, () => {
    test('accepted commands and outcomes are in the store after a kill, in order', async (t) => {
      const under = make(t)
      const store = await under.open()
      assert.deepEqual(await commandsIn(store), [])
      const lines = [order('c1'), order('c2'), answer('c1'), order('c3')]
      await Promise.all(lines.map((line) => store.commands.append(line)))
      await under.kill(store)
      const again = await under.open()
      assert.deepEqual(await commandsIn(again, ['c2', 'c3']), lines)
      await again.close()
    })

    test('no accepted command is lost when the store deletes forgotten lines', async (t) => {
      const under = make(t)
      const store = await under.open()
      const accepted: CommandLine[] = []
      await store.commands.load({ visit() {}, isPending: () => true, kept: () => accepted })
      const content = 'y'.repeat(1024 * 1024)
      const ids = Array.from({ length: 40 }, (_, n) => `c${n}`)
      for (const [n, id] of ids.entries()) {
        const line = order(id)
        const stored = store.commands.append({ ...line, command: { ...line.command, content } as Command })
        const kept = stored.then(() => accepted.push(line))
        if (n % 4 === 3) await kept
      }
      await store.commands.drain()
      await under.kill(store)
      const again = await under.open()
      const found = (await commandsIn(again, ids)).flatMap((line) =>
        'command' in line ? [line.command.command_id] : [],
      )
      assert.deepEqual(found, ids)
      await again.close()
    })

    test('the store deletes the secrets of a finished command', async (t) => {
      const under = make(t)
      const store = await under.open()
      await commandsIn(store)
      const spec = AgentSpec.parse({ cwd: '/', env: { TOKEN: 'secret' } })
      const start = (command_id: string): CommandLine => ({
        version: 1,
        machine_id: 'm',
        command: { type: 'agent:start', command_id, agent_id: command_id, spec },
      })
      for (const id of ['s1', 's2', 's3']) await store.commands.append(start(id))
      await store.commands.append(answer('s1'))
      await under.kill(store)
      // The outcome of s2 was lost, but the hub knows that s2 is not pending.
      const again = await under.open()
      await commandsIn(again, ['s3'])
      await again.close()
      const last = await under.open()
      const ids = (await commandsIn(last, ['s3'])).flatMap((line) =>
        'command' in line ? [line.command.command_id] : [],
      )
      assert.deepEqual(ids, ['s3'])
      await last.close()
    })
  })

  describe(`${name}: keys and tokens`, () => {
    test('the hub has a key for machines and a key for users, and replaces a dropped key', async (t) => {
      const under = make(t)
      const store = await under.open()
      const { list } = store.keys
      const roles = () => list.all().map(({ role }) => role)
      assert.deepEqual(roles().sort(), ['machine', 'user'])
      const own = list.all().find(({ role }) => role === 'machine')!
      await list.change((draft) => draft.drop(own))
      assert.deepEqual(roles().sort(), ['machine', 'user'])
      assert.deepEqual(list.withHash(own.sha256), [])
      await list.change((draft) => draft.renew('machine'))
      assert.deepEqual(roles().sort(), ['machine', 'machine', 'user'])
      await store.close()
    })

    test('changes of keys that begin at the same time run one after the other', async (t) => {
      const store = await make(t).open()
      const { list } = store.keys
      const made = await Promise.all([
        list.change((draft) => draft.renew('machine')),
        list.change((draft) => draft.renew('user')),
        list.change((draft) => draft.add(keyEntry('one'))),
      ])
      for (const { sha256 } of made) assert.equal(list.withHash(sha256).length, 1)
      await store.close()
    })

    test('a change of keys survives a kill, and a failed change has no effect', async (t) => {
      const under = make(t)
      const store = await under.open()
      const { list, users } = store.keys
      const entry = keyEntry('one')
      await list.change((draft) => draft.add(entry))
      await list.change(() => {
        for (const each of list.withHash(entry.sha256)) each.name = 'renamed'
      })
      await users.change((draft) =>
        draft.add({ name: 'alice', role: 'viewer', created_at: entry.created_at, sha256: 'alice' }),
      )
      const failing = list.change((draft) => {
        draft.add(keyEntry('two'))
        for (const each of list.withHash(entry.sha256)) each.name = 'lost'
        throw new Error('no')
      })
      await assert.rejects(failing, /no/)
      const names = ({ keys }: Store) => [...keys.list.all(), ...keys.users.all()].map(({ name }) => name)
      const all = ['local', 'local', 'renamed', 'alice']
      assert.deepEqual(names(store), all)
      await under.kill(store)
      const again = await under.open()
      await again.keys.refresh()
      assert.deepEqual(names(again), all)
      assert.equal(again.keys.users.isIncomplete, false)
      await again.close()
    })

    test('changes of tokens run one after the other, and survive a kill', async (t) => {
      const under = make(t)
      const store = await under.open()
      const { enrollments } = store
      const token = (sha256: string) => ({ sha256, created_at: '2026', expires_at: '2027' })
      await Promise.all(['a', 'b', 'c'].map((name) => enrollments.change((all) => [...all, token(name)])))
      const failing = enrollments.change(() => {
        throw new Error('no')
      })
      await assert.rejects(failing, /no/)
      await under.kill(store)
      const again = await under.open()
      assert.deepEqual(
        (await again.enrollments.all()).map(({ sha256 }) => sha256),
        ['a', 'b', 'c'],
      )
      await again.close()
    })

    test('changes of sessions run one after the other, and survive a kill', async (t) => {
      const under = make(t)
      const store = await under.open()
      const { sessions } = store
      const [at, hash] = ['2026-01-01T00:00:00.000Z', '0'.repeat(64)]
      const session = (session_id: string) => ({
        session_id,
        key_id: 'k',
        secret_sha256: hash,
        cookie_sha256: hash,
        created_at: at,
        used_at: at,
        expires_at: at,
        user_agent: 'Browser/1',
      })
      await Promise.all(['a', 'b', 'c'].map((id) => sessions.change((all) => [...all, session(id)])))
      await sessions.change((all) => all.filter(({ session_id }) => session_id !== 'b'))
      const failing = sessions.change(() => {
        throw new Error('no')
      })
      await assert.rejects(failing, /no/)
      await under.kill(store)
      const again = await under.open()
      assert.deepEqual(await again.sessions.all(), [session('a'), session('c')])
      await again.close()
    })
  })

  describe(`${name}: notifications`, () => {
    test('subscriptions and the key for push services survive a kill', async (t) => {
      const under = make(t)
      const store = await under.open()
      const person = {
        key_id: 'k',
        kinds: ['question'],
        subscriptions: [
          {
            subscription_id: 's',
            endpoint: 'https://push.example.com/s',
            p256dh: 'p',
            auth: 'a',
            created_at: '2026-01-01T00:00:00.000Z',
          },
        ],
      }
      await store.push.change((all) => [...all, person])
      const key = await store.pushKey()
      assert.match(key, /^-----BEGIN PRIVATE KEY-----/)
      assert.equal(await store.pushKey(), key)
      await under.kill(store)
      const again = await under.open()
      assert.deepEqual(await again.push.all(), [person])
      assert.equal(await again.pushKey(), key)
      await again.close()
    })
  })

  test(`${name}: rollouts and blocked versions survive a kill`, async (t) => {
    const under = make(t)
    const store = await under.open()
    const created_at = '2026-01-01T00:00:00.000Z'
    const rollout: RolloutRecord = {
      rollout_id: 'r',
      version: '2.0.0',
      groups: ['canary'],
      max_unavailable: 1,
      soak_s: 0,
      halt_on: 1,
      offline_s: 300,
      allow_downgrade: false,
      created_at,
      state: 'running',
      wave: 0,
      machines: [{ machine_id: 'm', wave: 0, state: 'updating', attempt: 1, from: '1.0.0', errors: 0 }],
    }
    await store.rollouts.change((all) => [...all, rollout])
    await store.blocked.change((all) => [...all, { version: '1.5.0', at: created_at }])
    await under.kill(store)
    const again = await under.open()
    assert.deepEqual(await again.rollouts.all(), [rollout])
    assert.deepEqual(await again.blocked.all(), [{ version: '1.5.0', at: created_at }])
    await again.close()
  })

  describe(`${name}: audit log`, () => {
    test('flushed lines are in the audit log after a kill, with their numbers', async (t) => {
      const under = make(t)
      const store = await under.open()
      for (let n = 0; n < 1200; n++) store.audit.add((number) => `line ${number}`)
      assert.equal(store.audit.newest, 1200)
      assert.ok(store.audit.waiting > 0)
      assert.equal(await store.audit.flush(), undefined)
      await under.kill(store)
      const again = await under.open()
      again.audit.add((number) => `line ${number}`)
      await again.audit.flush()
      const expected = Array.from({ length: 1201 }, (_, n) => `line ${n + 1}`)
      const read: string[] = []
      for await (const lines of again.audit.read(1)) read.push(...lines)
      assert.deepEqual(read, expected)
      const back: string[] = []
      for await (const lines of again.audit.readBack()) back.unshift(...lines)
      assert.deepEqual(back, expected)
      assert.deepEqual([again.audit.first, again.audit.newest], [1, 1201])
      await again.close()
    })
  })
}
