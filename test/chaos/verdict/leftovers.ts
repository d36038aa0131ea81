import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AGENT_FOLDER, RUN_MARK as AGENT_MARK } from '../../../src/agents/process/marks.ts'
import { listProcesses } from '../../../src/platform/process-list.ts'
import { RUN_MARK } from '../place.ts'
import type { World } from '../world.ts'

/** Maximum time until no leftovers exist, in milliseconds. Closing a link takes up to half a minute. */
const PATIENCE_MS = 35_000
const STEP_MS = 100
/** Maximum number of a hub's connections to its database, which are made when needed. Each has a timer. */
const CONNECTIONS = 6

/** Number of descriptors and timers of each idle process. */
export type Idle = Record<string, { descriptors: number; timers: number }>

async function look(world: World): Promise<Idle> {
  const found: Idle = {}
  for (const { name, edge, process } of world.places) {
    const resources = await edge.resources(process.pid!)
    found[name] = {
      descriptors: process.descriptors(),
      timers: resources.filter((kind) => kind === 'Timeout').length,
    }
  }
  return found
}

/** Returns the minimum of several samples, because periodic work briefly opens descriptors. */
export async function idle(world: World, looks = 5): Promise<Idle> {
  const least = await look(world)
  for (let n = 1; n < looks; n++) {
    await sleep(STEP_MS)
    for (const [name, { descriptors, timers }] of Object.entries(await look(world))) {
      least[name]!.descriptors = Math.min(least[name]!.descriptors, descriptors)
      least[name]!.timers = Math.min(least[name]!.timers, timers)
    }
  }
  return least
}

/** Returns a text for each process that has more resources open than before the run. */
export async function held(world: World, before: Idle): Promise<string[]> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const now = await idle(world)
    const more = Object.entries(now).flatMap(([name, { descriptors, timers }]) => {
      const was = before[name]!
      const spare = name === 'hub' && world.database ? CONNECTIONS : 0
      return descriptors > was.descriptors + spare || timers > was.timers + spare
        ? [
            `${name}: ${descriptors} descriptors and ${timers} timers, ${was.descriptors} and ${was.timers} before`,
          ]
        : []
    })
    if (more.length === 0 || performance.now() > deadline) return more
  }
}

/**
 * Names of files that may remain in the state folder after all agents were removed and the process has
 * stopped.
 */
const ALLOWED = new Set([
  ...[
    'agents',
    '.told',
    'format.json',
    'machine.json',
    'place.json',
    'confirmed.json',
    'modes.json',
    'servers.json',
    'ledger.jsonl',
    'runtimes.json',
    'memory.json',
    'policy.json',
    'costs.json',
    'daemon.log',
    'hub',
  ],
  ...[
    'machine.key',
    'user.key',
    'store-holder',
    'keys.json',
    'user-keys.json',
    'enrolments.json',
    'sessions.json',
    'push.json',
    'push.key',
    'machines.json',
    'commands.jsonl',
    'audit',
    'commits',
  ],
])

/** Returns the files that should not exist anymore. */
export function files(world: World): string[] {
  return world.places.flatMap(({ name, state }) =>
    readdirSync(state, { recursive: true, encoding: 'utf8' })
      .filter(
        (path) =>
          !ALLOWED.has(path.split('/').at(-1)!) && !/^hub\/(audit\/\d+\.jsonl|commits\/\d+\.log)$/.test(path),
      )
      .map((path) => `${name}: ${join('state', path)} remains`),
  )
}

/**
 * Returns the processes of this run of the tests. A program that an agent of the previous release has detached does
 * not count: it has no mark, so the daemon cannot prove that it belongs to the agent.
 */
function processesOf(world: World) {
  return listProcesses(RUN_MARK, AGENT_FOLDER, AGENT_MARK).filter(
    ({ pid, parent, variables: [run, folder, mark] }) => {
      const isUnproven = folder !== undefined && mark === undefined && parent === 1
      return run === world.dir && pid !== process.pid && !isUnproven
    },
  )
}

/** Returns the processes of the run that should have ended, with their command lines. */
export async function processes(world: World): Promise<string[]> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const left = processesOf(world)
    if (left.length === 0 || performance.now() > deadline)
      return left.map(({ pid }) => `process ${pid} remains: ${commandLine(pid)}`)
    await sleep(STEP_MS)
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 200)
  } catch {
    return 'ended meanwhile'
  }
}
