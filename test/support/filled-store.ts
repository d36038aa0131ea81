import assert from 'node:assert/strict'
import { HUB_LIMITS } from '../../src/config/hub-limits.ts'
import { hubStore } from '../../src/config/hub-store.ts'
import { openStore } from '../../src/hub/open-store.ts'
import { BEGINNING } from '../../src/hub/store/event-id.ts'
import type { AgentRecord } from '../../src/hub/store/records.ts'
import type { RolloutRecord } from '../../src/hub/store/rollout-records.ts'
import type { Store } from '../../src/hub/store/store.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { createLogger } from '../../src/platform/log.ts'
import { AgentSpec, type AnyEvent } from '../../src/protocol/index.ts'
import { frameOf, helloOf, statusOf } from './light-daemon.ts'

const AT = '2026-01-01T00:00:00.000Z'

/** Opens a store as a hub does. @param address address of its database; undefined for files in the folder */
export const openAsHub = (dir: string, address?: string): Promise<Store> =>
  openStore({
    dir,
    address: address === undefined ? undefined : hubStore({ store: address }, {}),
    faults: [],
    strict: true,
    audit: HUB_LIMITS.audit,
    clock: systemClock,
    logger: createLogger({ level: 'silent', stderr: 'none' }),
  })

/** Adds an agent with its activity. */
export async function addAgent(
  store: Store,
  { agent_id, machine_id, ends = [100] }: { agent_id: string; machine_id: string; ends?: number[] },
): Promise<AgentRecord> {
  const key = store.agents.newKey({ agent_id, machine_id })
  const status = statusOf(agent_id)
  const record: AgentRecord = { version: 1, agent_id, machine_id, gone: false, ordered: true, status, key }
  await store.agents.save(record)
  for (const [n, to] of ends.entries()) {
    const durable = new Promise<void>((resolve) => {
      const leave = store.journals.events.on('committed', (keys) => {
        if (!keys.includes(key)) return
        leave()
        resolve()
      })
    })
    assert.equal(
      await store.journals.take(key, machine_id, frameOf(agent_id, ends[n - 1] ?? 0, to), 0),
      'taken',
    )
    await durable
  }
  return record
}

/** Puts data of every kind into a store. */
export async function fill(store: Store): Promise<void> {
  await store.commands.load({ visit() {}, isPending: () => true, kept: () => [] })
  const { hostname, os, arch, daemon_version, machine } = helloOf()
  const facts = { hostname, os, arch, daemon_version, since: AT, status: machine }
  for (const machine_id of ['m', 'a machine with a long name'])
    await store.machines.save({ ...facts, machine_id, name: `${machine_id} 2`, labels: { site: 'x' } })
  await addAgent(store, { agent_id: 'a', machine_id: 'm', ends: [100, 110, 300] })
  const turned = await addAgent(store, { agent_id: 'a', machine_id: 'a machine with a long name' })
  await store.journals.turn(turned.key, 20)
  await store.journals.take(turned.key, 'm', frameOf('a', 20, 60), 0)
  await addAgent(store, { agent_id: 'quiet', machine_id: 'm', ends: [] })
  const key = { created_at: AT, sha256: '1'.repeat(64) }
  await store.keys.list.change((draft) =>
    draft.add({ ...key, role: 'machine', name: 'm', machine_id: 'm', machines: ['m'], bound: true }),
  )
  await store.keys.users.change((draft) => draft.add({ ...key, name: 'alice', role: 'viewer' }))
  await store.enrollments.change(() => [{ sha256: 'e', created_at: AT, expires_at: AT, by: 'alice' }])
  await store.sessions.change(() => [
    {
      session_id: 's',
      key_id: 'k',
      secret_sha256: 'x',
      cookie_sha256: 'y',
      created_at: AT,
      used_at: AT,
      expires_at: AT,
    },
  ])
  const subscription = {
    subscription_id: 's',
    endpoint: 'https://push.example.com/s',
    p256dh: 'p',
    auth: 'a',
    created_at: AT,
  }
  await store.push.change(() => [{ key_id: 'k', kinds: ['question'], subscriptions: [subscription] }])
  await store.pushKey()
  const rollout: RolloutRecord = {
    rollout_id: 'r',
    version: '2.0.0',
    groups: ['canary'],
    max_unavailable: 1,
    soak_s: 0,
    halt_on: 1,
    offline_s: 300,
    allow_downgrade: false,
    created_at: AT,
    state: 'running',
    wave: 0,
    machines: [{ machine_id: 'm', wave: 0, state: 'updating', attempt: 1, from: '1.0.0', errors: 0 }],
  }
  await store.rollouts.change(() => [rollout])
  await store.blocked.change(() => [{ version: '1.5.0', at: AT }])
  const spec = AgentSpec.parse({ cwd: '/', env: { TOKEN: 'secret' } })
  const ids = { machine_id: 'm', agent_id: 'a' }
  await store.commands.append({
    version: 1,
    machine_id: 'm',
    command: { type: 'agent:start', command_id: 'pending', agent_id: 'a', spec },
  })
  await store.commands.append({
    version: 1,
    machine_id: 'm',
    command: { type: 'agent:prompt', command_id: 'done', agent_id: 'a', content: 'hi' },
  })
  await store.commands.append({
    version: 1,
    type: 'agent:prompt',
    outcome: { ...ids, command_id: 'done', state: 'succeeded' },
    at: 1,
  })
  for (let n = 0; n < 1200; n++) store.audit.add((number) => JSON.stringify({ n: number }))
  await store.audit.flush()
}

/** Reads each kind of data in a store. A store with a further kind fails here until the kind is read, too. */
const READ: { [kind in Exclude<keyof Store, 'durability' | 'watch' | 'close'>]: (store: Store) => unknown } =
  {
    agents: async ({ agents }) => byText(await agents.load()),
    journals: async (store) => {
      const histories = (await store.agents.load()).map(async ({ key, agent_id, machine_id }) => {
        await store.journals.open(key)
        const { have, ackOffset, wantedOffset, shift, journal } = store.journals.stateOf(key)
        const events: AnyEvent[] = []
        const reader = store.journals.read(key, BEGINNING)
        for (let isEnd = false; !isEnd; ) {
          const batch = await reader.next()
          events.push(...batch.events)
          isEnd = batch.isEnd
        }
        return { agent_id, machine_id, have, ackOffset, wantedOffset, shift, journal, events }
      })
      return byText(await Promise.all(histories))
    },
    machines: async ({ machines }) => byText(await machines.load()),
    commands: async ({ commands }) => {
      const lines: unknown[] = []
      await commands.load({ visit: (line) => lines.push(line), isPending: () => true, kept: () => [] })
      return lines
    },
    keys: async ({ keys }) => [keys.list.all(), keys.users.all()],
    enrollments: ({ enrollments }) => enrollments.all(),
    sessions: ({ sessions }) => sessions.all(),
    push: ({ push }) => push.all(),
    pushKey: (store) => store.pushKey(),
    rollouts: ({ rollouts }) => rollouts.all(),
    blocked: ({ blocked }) => blocked.all(),
    audit: async ({ audit }) => {
      const lines: string[] = []
      for await (const batch of audit.read(audit.first)) lines.push(...batch)
      return { first: audit.first, newest: audit.newest, lines }
    },
  }

/** Returns everything in a store. */
export async function readAll(store: Store): Promise<Record<string, unknown>> {
  const kinds = Object.keys(store).filter((kind) => !['durability', 'watch', 'close'].includes(kind))
  assert.deepEqual(kinds.sort(), Object.keys(READ).sort(), 'every kind of data is read')
  const all: Record<string, unknown> = {}
  for (const [kind, read] of Object.entries(READ)) all[kind] = await read(store)
  return structuredClone(all)
}

const byText = <T>(records: readonly T[]): T[] =>
  [...records].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
