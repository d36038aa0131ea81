import { appendFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { agentFolder } from '../../src/agents/disk/folder.ts'
import { ProcessRecord } from '../../src/agents/disk/records.ts'
import { readJson } from '../../src/platform/files.ts'
import { sendSignal } from '../../src/platform/process-identity.ts'
import type { Event } from '../../src/protocol/index.ts'
import type { Known } from './agents.ts'
import type { Database } from './database.ts'
import { limitDescriptors, limitProcesses, useUpWatches } from './limits.ts'
import { RUN_MARK } from './place.ts'
import type { FaultProxy } from './proxy.ts'
import type { Fault, FaultKind } from './schedule.ts'
import type { Machine, World } from './world.ts'

const HOUR_MS = 3_600_000
/**
 * Share of a fault's duration for which a disk stays full. It is less than 1, because almost nothing else can
 * happen while a disk is full.
 */
const FULL_SHARE = 0.5
const SLOWEST_BYTES_S = 4000
const FASTEST_BYTES_S = 200_000
/** Maximum duration of a start, in milliseconds; longer than any timeout of a sped-up daemon. */
const SLOWEST_START_MS = 8000
/** Number of files that a process may still open during a shortage of descriptors. */
const FEW_FILES = 6

/** A killed process of an agent. The verdict needs this fact to judge the agent's end. */
export interface Kill {
  agent: string
  run: number
  part: 'launcher' | 'feeder' | 'agent'
}

/** The events that the hub had for an agent when the agent's machine was rolled back. */
export interface Kept {
  agent: string
  events: Event[]
}

export interface FaultContext {
  world: World
  kills: Kill[]
  kept: Kept[]
  agentsOf(machine: Machine): Known[]
}

type Injector = (context: FaultContext, machine: Machine, fault: Fault) => boolean | Promise<boolean>

const killPart =
  (part: Kill['part']): Injector =>
  ({ kills }, machine, { degree }) => {
    const found = present(machine)
    const chosen = found[Math.floor(degree * found.length)]
    if (!chosen || !sendSignal(chosen.record[part], 'SIGKILL')) return false
    kills.push({ agent: chosen.agent, run: chosen.record.run, part })
    return true
  }

const link =
  (trouble: (machine: Machine, fault: Fault) => void): Injector =>
  (_, machine, fault) => {
    const { connected } = machine.proxy
    trouble(machine, fault)
    return connected
  }

/** Returns the machine's agents that have a process record, sorted by name. */
function present(machine: Machine) {
  let names: string[]
  try {
    names = readdirSync(join(machine.state, 'agents')).sort()
  } catch {
    return []
  }
  return names.flatMap((agent) => {
    const read = readJson(agentFolder(join(machine.state, 'agents', agent)).process, ProcessRecord)
    return read.ok ? [{ agent, record: read.value }] : []
  })
}

const database =
  (trouble: (database: Database, fault: Fault) => boolean): Injector =>
  ({ world }, _, fault) =>
    world.database !== undefined && trouble(world.database, fault)

const databaseLink = (trouble: (proxy: FaultProxy, fault: Fault) => void): Injector =>
  database(({ proxy }, fault) => {
    const { connected } = proxy
    trouble(proxy, fault)
    return connected
  })

/** Functions that inject a fault. Each reports whether the fault had a target. */
const injectors: Record<FaultKind, Injector> = {
  kill_daemon: (_, { process }) => process.kill('SIGKILL'),
  kill_hub: ({ world }) => world.hub.process.kill('SIGKILL'),
  restart_hub: ({ world }) => world.hub.process.kill('SIGTERM'),
  kill_launcher: killPart('launcher'),
  kill_feeder: killPart('feeder'),
  kill_agent: killPart('agent'),
  freeze_daemon: (_, { process }, { for_ms }) => process.freeze(for_ms),
  freeze_hub: ({ world }, _, { for_ms }) => world.hub.process.freeze(for_ms),
  cut_link: link(({ proxy }) => proxy.cut()),
  freeze_link: link(({ proxy }) => proxy.freeze()),
  stall_link: link(({ proxy }, { for_ms }) => proxy.stall(for_ms)),
  refuse_link: link(({ proxy }, { for_ms }) => proxy.refuse(for_ms)),
  throttle_link: link(({ proxy }, { for_ms, degree }) =>
    proxy.throttle(for_ms, SLOWEST_BYTES_S + degree * (FASTEST_BYTES_S - SLOWEST_BYTES_S)),
  ),
  duplicate_commands: link(({ proxy }, { for_ms }) => proxy.duplicate(for_ms)),
  reorder_commands: link(({ proxy }, { for_ms }) => proxy.reorder(for_ms)),
  fill_disk: ({ world }, machine, { for_ms }) => world.fill(machine, for_ms * FULL_SHARE),
  fill_hub_disk: ({ world }, _, { for_ms }) => world.fill(world.hub, for_ms * FULL_SHARE),
  // Steps the clock by at most two hours in either direction, because a daemon forgets agents after weeks.
  step_clock: ({ world }, machine, { degree, for_ms }) => {
    const place = for_ms % 3 === 0 ? world.hub : machine
    place.edge.step(Math.round((degree - 0.5) * 4 * HOUR_MS))
    return true
  },
  replace_version: ({ world }, machine, { degree }) => {
    world.replaceVersion(machine, degree)
    return machine.process.kill('SIGKILL')
  },
  // The daemon stops all its agents, which run again only when a client resumes them.
  stop_daemon: (_, { process }) => process.kill('SIGTERM'),
  restart_daemon: async ({ world }, machine) => {
    const answer = await world.api
      .send('POST', `/api/machines/${machine.id()}/restart?wait=0`, {})
      .catch(() => undefined)
    return answer?.status === 202
  },
  slow_start(_, machine, { for_ms, degree }) {
    const slow = { until: Date.now() + for_ms, ms: Math.round(degree * SLOWEST_START_MS) }
    if (!machine.earlier) writeFileSync(join(machine.folder, 'slow'), JSON.stringify(slow))
    return !machine.earlier
  },
  change_release: ({ world }) => world.changeRelease()?.process.kill('SIGKILL') ?? false,
  back_up: (_, machine) => machine.backup.take(machine.state),
  async set_back({ world, kept, agentsOf }, machine) {
    if (!machine.backup.exists || machine.earlier) return false
    await world.setBack(machine, async () => {
      for (const { id, removing } of agentsOf(machine)) {
        const events = removing ? undefined : await world.api.events(id).catch(() => undefined)
        if (events) kept.push({ agent: id, events })
        const log = join(world.logs, `${id}.log`)
        if (existsSync(log)) appendFileSync(log, '\nB\n')
      }
    })
    return true
  },
  limit_descriptors({ world }, machine, { for_ms, degree }) {
    const place = for_ms % 4 === 0 ? world.hub : machine
    const { pid } = place.process
    if (pid === undefined || machine.earlier) return false
    place.limited.until = Date.now() + for_ms
    return world.limit(`descriptors of ${place.name}`, for_ms, () =>
      limitDescriptors({ pid, uid: place.uid }, Math.floor(degree * FEW_FILES)),
    )
  },
  limit_processes({ world }, machine, { for_ms }) {
    const { uid } = machine
    const { pid } = machine.process
    if (pid === undefined || uid === undefined || machine.earlier) return false
    machine.limited.until = Date.now() + for_ms
    return world.limit(`processes of ${machine.name}`, for_ms, () => limitProcesses({ pid, uid }))
  },
  async use_up_watches({ world }, machine, { for_ms }) {
    const { uid } = machine
    if (uid === undefined || machine.earlier) return false
    const limited = await world.limit(`watches of ${machine.name}`, for_ms, () =>
      useUpWatches(uid, { [RUN_MARK]: world.dir }),
    )
    // A running daemon already has its inotify instance, so only a new daemon meets the limit.
    return limited && machine.process.kill('SIGKILL')
  },
  kill_database: database((database) => database.kill()),
  kill_database_connection: database((database, { degree }) => database.killConnection(degree)),
  freeze_database: database((database, { for_ms }) => database.freeze(for_ms)),
  cut_database: databaseLink((proxy) => proxy.cut()),
  refuse_database: databaseLink((proxy, { for_ms }) => proxy.refuse(for_ms)),
  stall_database: databaseLink((proxy, { for_ms }) => proxy.stall(for_ms)),
  throttle_database: databaseLink((proxy, { for_ms, degree }) =>
    proxy.throttle(for_ms, SLOWEST_BYTES_S + degree * (FASTEST_BYTES_S - SLOWEST_BYTES_S)),
  ),
}

/** Injects a fault. @returns true if the fault had a target */
export async function inject(context: FaultContext, fault: Fault): Promise<boolean> {
  const { machines } = context.world
  const machine = machines[Math.floor(fault.target * machines.length)]!
  return injectors[fault.kind](context, machine, fault)
}
