import assert from 'node:assert/strict'
import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { claude } from '../../../src/agents/runtimes/claude/index.ts'
import type { EventBody } from '../../../src/agents/runtimes/conversation.ts'
import { Health } from '../../../src/daemon/health.ts'
import type { Space } from '../../../src/platform/disk.ts'
import type { Event, MachineStatus, Runtime } from '../../../src/protocol/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

const GIB = 1024 ** 3
const TICK_MS = 15_000
const HOUR_MS = 3_600_000
const plenty: Space = { total_bytes: 100 * GIB, available_bytes: 50 * GIB }

/** A machine for which the test sets the runtime, the disk, the memory, and the clock. */
function machine(t: Cleanup, found: Partial<Runtime> = {}, dir = tempDir(t)) {
  const program = join(dir, 'claude')
  writeFileSync(program, '')
  const clock = new ManualClock()
  const world = {
    clock,
    program,
    found: {
      name: 'claude',
      found: true,
      path: program,
      version: '2.1.330',
      login: 'logged_in',
      ...found,
    } as Runtime,
    disk: plenty,
    memory: plenty,
    load: { one_minute: 0, five_minutes: 0, fifteen_minutes: 0, processors: 2 },
    probes: 0,
    asleep: [] as number[],
    told: [] as MachineStatus[],
  }
  let revision = 0
  const health = new Health({
    runtimes: [
      {
        ...claude,
        probe: async () => {
          world.probes++
          return world.found
        },
      },
    ],
    cachePath: join(dir, 'runtimes.json'),
    stateDir: dir,
    environment: {},
    disk: () => world.disk,
    memory: () => world.memory,
    load: () => world.load,
    clock,
    nextRevision: () => ++revision,
  })
  health.events.on('change', (status) => world.told.push(status))
  health.events.on('awake', (ms) => world.asleep.push(ms))
  health.start()
  t.after(() => health.stop())
  return {
    world,
    clock,
    health,
    problems: () => health.status().problems.map(({ code }) => code),
    problem: (code: string) => health.status().problems.find((problem) => problem.code === code),
    /** Advances the clock, and waits until all due work has finished. */
    async pass(ms: number) {
      clock.pass(ms)
      await setImmediate()
    },
    observe: (body: EventBody) => health.observe({ offset: 0, index: 0, ...body } as Event, claude),
  }
}

test('a runtime that is missing, too old or broken is a problem until it works', async (t) => {
  const { world, health, problem, problems } = machine(t)
  const expected: [Partial<Runtime>, string[]][] = [
    [{ found: false, problem: 'Install it.' }, ['runtime_missing']],
    [{ version: '1.0.0', problem: '1.0.0 is too old.' }, ['runtime_too_old']],
    [{ version: undefined, problem: 'It does not run.' }, ['runtime_broken']],
    [{}, []],
  ]
  for (const [found, codes] of expected) {
    world.found = { name: 'claude', found: true, path: world.program, version: '2.1.330', ...found }
    await health.probe()
    assert.deepEqual(
      problems().filter((code) => code !== 'runtime_changed'),
      codes,
    )
    if (codes[0]) assert.equal(problem(codes[0])?.message, found.problem)
  }
})

test('the daemon notices an installed, updated, or removed runtime soon, with few probes', async (t) => {
  const { world, pass, health, problem } = machine(t, { found: false, problem: 'Install it.' })
  await health.probe()
  await pass(TICK_MS)
  assert.equal(world.probes, 2)
  world.found = { name: 'claude', found: true, path: world.program, version: '2.1.330', login: 'logged_in' }
  await pass(TICK_MS)
  assert.equal(world.probes, 3)
  assert.equal(health.runtime('claude')?.version, '2.1.330')
  await pass(4 * TICK_MS)
  assert.equal(world.probes, 3)

  utimesSync(world.program, 1, 1)
  world.found = { ...world.found, version: '2.2.0' }
  await pass(TICK_MS)
  assert.equal(world.probes, 4)
  assert.match(problem('runtime_changed')?.message ?? '', /2\.1\.330 to 2\.2\.0/)
  await pass(HOUR_MS + TICK_MS)
  assert.equal(problem('runtime_changed'), undefined)
})

test('a new daemon knows the working runtimes of the last one at once, but no problems that may be fixed by now', async (t) => {
  const dir = tempDir(t)
  const known = async (found: Partial<Runtime>) => {
    await machine(t, found, dir).health.probe()
    return machine(t, {}, dir).health.runtime('claude')?.version
  }
  assert.equal(await known({}), '2.1.330')
  for (const found of [
    { found: false, problem: 'Install it.' },
    { problem: 'Too old.' },
    { login: 'logged_out' as const },
  ])
    assert.equal(await known(found), undefined)
})

test('a missing or expired login is a problem until the user logs in', async (t) => {
  const { world, pass, health, problems, problem } = machine(t, { login: 'logged_out' })
  await health.probe()
  assert.deepEqual(problems(), ['not_logged_in'])
  assert.match(problem('not_logged_in')?.remedy ?? '', /claude/)
  world.found = { ...world.found, login: 'expired' }
  await health.probe()
  assert.deepEqual(problems(), ['login_expired'])
  world.found = { ...world.found, login: 'logged_in' }
  await pass(5 * TICK_MS)
  assert.deepEqual(problems(), [])
})

test('a login that the model service refuses is a problem until a turn succeeds again', (t) => {
  const { observe, problems, problem } = machine(t)
  observe({
    kind: 'turn_result',
    outcome: 'success',
    is_error: true,
    api_error_status: 401,
    text: 'Please run /login',
  })
  assert.deepEqual(problems(), ['login_expired'])
  assert.equal(problem('login_expired')?.message, 'Please run /login')
  observe({ kind: 'turn_result', outcome: 'success', is_error: true, api_error_status: 529 })
  assert.deepEqual(problems(), ['login_expired'])
  observe({ kind: 'turn_result', outcome: 'success', is_error: false })
  assert.deepEqual(problems(), [])
})

test('a usage limit is a problem until it resets', async (t) => {
  const { observe, pass, problem, problems } = machine(t)
  observe({ kind: 'rate_limit', status: 'allowed_warning', limit: 'five_hour', info: {} })
  observe({ kind: 'rate_limit', status: 'rejected', info: {} })
  assert.deepEqual(problems(), [])
  observe({ kind: 'rate_limit', status: 'rejected', limit: 'five_hour', resets_at: 60, info: {} })
  assert.equal(problem('usage_limit')?.until, '1970-01-01T00:01:00.000Z')
  assert.match(problem('usage_limit')?.message ?? '', /five_hour/)
  await pass(3 * TICK_MS)
  assert.deepEqual(problems(), ['usage_limit'])
  await pass(2 * TICK_MS)
  assert.deepEqual(problems(), [])
})

test('a disk that fills up causes a warning, and then prevents new agents until there is free space again', async (t) => {
  const { world, pass, health, problems } = machine(t)
  const of = (available_bytes: number) => ({ ...plenty, available_bytes })
  for (const [space, codes, accepts] of [
    [of(GIB / 2), ['disk_low'], true],
    [of(GIB / 100), ['disk_full'], false],
    [of(GIB / 2), ['disk_low'], true],
    [plenty, [], true],
  ] as const) {
    world.disk = space
    await pass(TICK_MS)
    assert.deepEqual(problems(), codes)
    assert.equal(health.status().accepts_agents, accepts)
    assert.equal(world.told.at(-1)?.accepts_agents, accepts)
  }
})

test('low memory is a problem until enough memory is free again', async (t) => {
  const { world, pass, problems } = machine(t)
  world.memory = { ...plenty, available_bytes: GIB / 10 }
  await pass(TICK_MS)
  assert.deepEqual(problems(), ['memory_low'])
  world.memory = plenty
  await pass(TICK_MS)
  assert.deepEqual(problems(), [])
})

test('a status contains the load at this time, which alone causes no status', async (t) => {
  const { world, health, pass } = machine(t)
  const before = world.told.length
  world.load = { one_minute: 7.5, five_minutes: 3, fifteen_minutes: 1, processors: 2 }
  await pass(TICK_MS)
  assert.equal(world.told.length, before)
  assert.deepEqual(health.status().load, world.load)
})

test('a machine reports how long it has slept', async (t) => {
  const { clock, pass, world, problem } = machine(t)
  await pass(TICK_MS)
  clock.jump(10 * 60_000)
  await pass(TICK_MS)
  assert.deepEqual(world.asleep, [10 * 60_000])
  assert.match(problem('was_asleep')?.message ?? '', /600 s/)
  await pass(HOUR_MS + TICK_MS)
  assert.equal(problem('was_asleep'), undefined)
})

test('a problem keeps its start time while it lasts, and each change of the status has a higher revision', async (t) => {
  const { world, pass, problem } = machine(t)
  world.memory = { ...plenty, available_bytes: 1 }
  await pass(TICK_MS)
  const since = problem('memory_low')?.since
  await pass(10 * TICK_MS)
  assert.equal(problem('memory_low')?.since, since)
  world.memory = plenty
  await pass(TICK_MS)
  const revisions = world.told.map(({ revision }) => revision)
  assert.equal(revisions.length, 2)
  assert.ok(revisions[1]! > revisions[0]!)
})
