import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendSignal } from '../../src/platform/process-identity.ts'
import { findByEnvironment } from '../../src/platform/process-list.ts'
import { Driver } from './driver.ts'
import { type FaultContext, inject } from './faults.ts'
import { RUN_MARK } from './place.ts'
import type { Sabotage } from './program.ts'
import { Random } from './random.ts'
import { type FaultKind, faultKinds, schedule } from './schedule.ts'
import { truthOf } from './truth.ts'
import { answers, controls, outcomes, processesOnce, prompts, starts } from './verdict/effects.ts'
import { exits } from './verdict/exits.ts'
import { history } from './verdict/history.ts'
import type { Case, Violation } from './verdict/judge.ts'
import { files, held, idle, processes } from './verdict/leftovers.ts'
import { lives } from './verdict/lives.ts'
import { World } from './world.ts'

const JUDGES = { history, exits, prompts, answers, controls, processesOnce, outcomes, starts, lives }
/** Maximum number of violations of each kind in a verdict: a broken run has thousands. */
const LISTED = 10
/** Timeout of each step that follows a failed step, in milliseconds. */
const HOPELESS_MS = 5000
/** The same timeout for a sabotaged program, which may never complete the step. */
const SABOTAGED_MS = 15_000
/** Time for agents to start before the first fault, in milliseconds. */
const WARM_UP_MS = 1500

export interface RunOptions {
  dir: string
  seed: string
  faults: number
  machines: number
  agentsPerMachine: number
  sabotage?: Sabotage | undefined
  /** The hub has its data in a database, not in files. */
  withDatabase: boolean
  /** Default: all kinds. */
  kinds?: FaultKind[] | undefined
  say(text: string): void
}

export interface Verdict {
  ok: boolean
  seed: string
  faults: number
  sabotage?: Sabotage
  seconds: number
  /** Number of injections of each fault, and number of injections that had a target. */
  injected: Record<FaultKind, { times: number; hit: number }>
  /** Effects of the faults. A fault without an effect proves nothing. */
  observed: Record<string, number>
  commands: Record<string, Record<string, number>>
  violations: Violation[]
  /** Number of violations of each kind; `violations` lists the first few. */
  violated: Record<string, number>
}

/** Starts a hub and machines, injects random faults, and judges the result. */
export async function run(options: RunOptions): Promise<Verdict> {
  const { dir, seed, faults, machines, agentsPerMachine, sabotage, withDatabase, say } = options
  const all = faultKinds({ database: withDatabase })
  const kinds = options.kinds ?? all
  const began = performance.now()
  const random = new Random(seed)
  const violations: Violation[] = []
  const violated = (what: string, detail: string) => violations.push({ what, detail })
  const world = await World.open({
    dir,
    machines,
    random: random.fork('world'),
    sabotage,
    withDatabase,
    violated,
  })
  const injected = Object.fromEntries(all.map((kind) => [kind, { times: 0, hit: 0 }])) as Verdict['injected']
  const driver = new Driver({ world, random: random.fork('driver'), agentsPerMachine })
  if (sabotage) driver.patienceMs = SABOTAGED_MS
  const agentsOf: FaultContext['agentsOf'] = (machine) =>
    driver.agents.filter((agent) => agent.machine === machine)
  const context: FaultContext = { world, kills: [], kept: [], agentsOf }
  const cases: Case[] = []
  try {
    await driver.warmUp()
    const before = await idle(world)
    driver.start()
    await sleep(WARM_UP_MS)
    for (const [n, fault] of schedule(random.fork('faults'), faults, machines, kinds).entries()) {
      await sleep(fault.after_ms)
      injected[fault.kind].times++
      if (await inject(context, fault)) injected[fault.kind].hit++
      if (n % 50 === 49)
        say(`${n + 1} faults, ${driver.issued.length} commands, ${driver.agents.length} agents`)
    }
    say('settling')
    await driver.stop()
    world.calm()
    world.api.patienceMs = driver.patienceMs
    await world.connected()
    const step = async (what: string, run: () => Promise<unknown>) => {
      const start = performance.now()
      await run().catch((error: Error) => {
        violated('unsettled', `${what}: ${error.message}`)
        driver.patienceMs = HOPELESS_MS
        world.api.patienceMs = HOPELESS_MS
      })
      say(`${what}: ${Math.round(performance.now() - start)} ms`)
    }
    await step('all turns end', () => driver.finish())
    await step('all activity arrives', () => driver.complete())
    await step('all agents stop', () => driver.all('stop'))
    await step('their ends arrive', () => driver.complete())
    await step('histories', async () => {
      cases.push(...(await gather(context, driver)))
      mkdirSync(join(dir, 'histories'))
      for (const { known, history = [] } of cases)
        writeFileSync(
          join(dir, 'histories', `${known.id}.jsonl`),
          history.map((event) => `${JSON.stringify(event)}\n`).join(''),
        )
    })
    await step('all agents are removed', () => driver.all('remove'))
    for (const detail of await held(world, before)) violated('held', detail)
    for (const [name, end] of Object.entries(await world.stop('SIGTERM')))
      if (end !== 0) violated('crashed', `${name} ended with ${end} when it was stopped`)
    for (const detail of await processes(world)) violated('left', detail)
    for (const detail of files(world)) violated('left', detail)
  } catch (error) {
    violated('unsettled', (error as Error).stack ?? String(error))
  } finally {
    await driver.stop()
    await world.stop('SIGKILL')
    endAll(dir)
    world.unmount()
  }
  for (const agent of cases)
    for (const [what, judge] of Object.entries(JUDGES))
      for (const detail of judge(agent)) violations.push({ what, agent: agent.known.id, detail })

  const counts: Record<string, number> = {}
  for (const { what } of violations) counts[what] = (counts[what] ?? 0) + 1
  return {
    ok: violations.length === 0,
    seed,
    faults,
    ...(sabotage && { sabotage }),
    seconds: Math.round((performance.now() - began) / 1000),
    injected,
    observed: observe(world, cases),
    commands: tally(driver),
    violations: Object.keys(counts).flatMap((kind) =>
      violations.filter(({ what }) => what === kind).slice(0, LISTED),
    ),
    violated: counts,
  }
}

/** Ends every process of a run. */
export function endAll(dir: string) {
  for (const process of findByEnvironment(RUN_MARK, dir)) sendSignal(process, 'SIGKILL')
}

/** Collects everything about every agent while the hub still has it. */
async function gather({ world, kills, kept }: FaultContext, driver: Driver): Promise<Case[]> {
  const there = new Map((await world.api.agents()).map((agent) => [agent.agent_id, agent]))
  const cases: Case[] = []
  for (const known of driver.agents) {
    const { id, machine, removing } = known
    cases.push({
      known,
      ...truthOf(world.logs, id),
      commands: driver.issued.filter(({ agent }) => agent === id),
      ...(!removing && there.has(id) && { history: await world.api.events(id) }),
      kills: kills.filter(({ agent }) => agent === id),
      kept: kept.filter(({ agent }) => agent === id).map(({ events }) => events),
      setBack: machine.setBacks.at(-1),
      begin: there.get(id)?.begin ?? 0,
      limited: machine.limited.until > 0,
      diskWasFull: machine.fullTimes.length > 0,
    })
  }
  return cases
}

function tally({ issued }: Driver): Verdict['commands'] {
  const table: Verdict['commands'] = {}
  for (const { kind, state, outcome } of issued) {
    const end = state === 'accepted' ? (outcome?.error?.code ?? outcome?.state ?? 'pending') : state
    table[kind] ??= {}
    table[kind][end] = (table[kind][end] ?? 0) + 1
  }
  return table
}

function observe(world: World, cases: Case[]): Record<string, number> {
  const count = (path: string, pattern: RegExp) => readFileSync(path, 'utf8').match(pattern)?.length ?? 0
  const hubLog = `${world.dir}/hub/hub.log`
  const ofDaemons = (pattern: RegExp) =>
    world.machines.reduce((sum, { name }) => sum + count(`${world.dir}/${name}/${name}.log`, pattern), 0)
  const sum = (of: (agent: Case) => number) => cases.reduce((total, agent) => total + of(agent), 0)
  const proxies = world.machines.map(({ proxy }) => proxy.counts)
  const ofProxies = Object.fromEntries(
    Object.keys(proxies[0]!).map((key) => [
      `link_${key}`,
      proxies.reduce((sum, counts) => sum + counts[key as keyof typeof counts], 0),
    ]),
  )
  const events = (kind: string, holds: (event: object) => boolean = () => true) =>
    sum(({ history = [] }) => history.filter((event) => event.kind === kind && holds(event)).length)
  return {
    ...ofProxies,
    daemon_starts: world.machines.reduce((sum, { process }) => sum + process.starts, 0),
    hub_starts: world.hub.process.starts,
    database_starts: world.database?.starts ?? 0,
    links_silent_at_daemon: ofDaemons(/the server has gone silent/g),
    links_silent_at_hub: count(hubLog, /machine has gone silent/g),
    activity_asked_again: count(hubLog, /activity is missing/g),
    disk_full_at_hub: count(hubLog, /activity cannot be written to the disk/g),
    disk_full_at_daemon: ofDaemons(/ENOSPC/g),
    disk_full_at_agent: sum(({ processes }) => processes.reduce((n, { full }) => n + full, 0)),
    agents: cases.length,
    agents_removed: cases.filter(({ history }) => !history).length,
    processes: sum(({ processes }) => processes.length),
    lines_written: sum(({ processes }) => processes.reduce((n, { written }) => n + written.length, 0)),
    lines_unfinished: sum(({ processes }) =>
      processes.reduce((n, { written }) => n + (written.at(-1)?.whole === false ? 1 : 0), 0),
    ),
    inputs_read: sum(({ processes }) => processes.reduce((n, { inputs }) => n + inputs.length, 0)),
    events_at_hub: sum(({ history = [] }) => history.length),
    lines_torn: events('unreadable'),
    exits_reported: events('process_exited'),
    exits_without_code: events('process_exited', (event) => !('code' in event)),
    set_back_events: events('set_back'),
    slow_starts: sum(
      ({ processes }) => processes.filter(({ ready = 0, began }) => ready - began > 1000).length,
    ),
    journals_given_back: cases.filter(({ begin }) => begin > 0).length,
  }
}
