import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentStatus } from '../../src/protocol/index.ts'
import { helloOf, LightDaemon } from '../support/light-daemon.ts'
import { Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import type { Benchmark } from './benchmark.ts'
import { inTurn, start } from './children.ts'
import type { Figure } from './figure.ts'
import { giveAgents, MACHINE, statusesOf } from './hub-agents.ts'
import { interleaved, median, monotonic, processorMs } from './measure.ts'

/** Maximum time that all agents may add to a start, and that a greeting may take, in ms. */
const GOAL_MS = 150

/** The start of a hub that knows many agents, and the greeting of their machine. */
export const knownAgents: Benchmark = {
  name: 'known-agents',
  about: 'start of a hub with 10 000 agents, and the greeting of their machine',
  async run(t, { quick }) {
    const statuses = statusesOf(quick ? 100 : 10_000)
    const rounds = quick ? 1 : 7
    const full = await Stage.open(t)
    giveAgents(full, statuses)
    const empty = await Stage.open(t)
    const starts = await interleaved(rounds, { full: () => started(full), empty: () => started(empty) })
    const greetings = await interleaved(rounds, {
      hub: () => inTurn(t, (own) => atHub(own, full, statuses)),
      floor: () => inTurn(t, (own) => atFloor(own, statuses)),
    })
    const of = 'a server that parses the greeting'
    const greeting = (which: keyof Greetings) => ({
      value: median(greetings.hub.map((run) => run[which])),
      unit: 'ms' as const,
      floor: { value: median(greetings.floor.map((run) => run[which])), of },
    })
    const count = `${statuses.length} agents`
    return [
      beside(`start with ${count}`, 'ms', starts, ({ ms }) => ms),
      beside(`start with ${count}: CPU time`, 'ms', starts, ({ processorMs }) => processorMs),
      {
        name: `start with ${count}: beyond an empty hub`,
        value: median(starts.full.map(({ ms }, n) => ms - starts.empty[n]!.ms)),
        unit: 'ms',
        goal: { at: 'most', limit: GOAL_MS },
      },
      ...(['first', 'next'] as const).flatMap((which): Figure[] => [
        { name: `${which} greeting with ${count}`, ...greeting(which) },
        {
          name: `${which} greeting with ${count}, against the goal`,
          value: greeting(which).value,
          unit: 'ms',
          goal: { at: 'most', limit: GOAL_MS },
        },
      ]),
    ]
  },
}

/** Times from sending a greeting to a server until its welcome arrives, in ms. */
interface Greetings {
  first: number
  next: number
}

interface Started {
  ms: number
  processorMs: number
}

function beside(
  name: string,
  unit: Figure['unit'],
  { full, empty }: { full: Started[]; empty: Started[] },
  value: (run: Started) => number,
): Figure {
  return {
    name,
    value: median(full.map(value)),
    unit,
    floor: { value: median(empty.map(value)), of: 'an empty hub' },
  }
}

/** Starts a hub, and stops it. */
async function started(stage: Stage): Promise<Started> {
  const began = monotonic()
  const hub = await stage.hub()
  const run = { ms: monotonic() - began, processorMs: processorMs(hub.pid) }
  hub.kill('SIGTERM')
  await hub.ended
  return run
}

async function atHub(t: Cleanup, stage: Stage, statuses: AgentStatus[]): Promise<Greetings> {
  const hub = await stage.hub()
  t.after(async () => {
    hub.kill('SIGTERM')
    await hub.ended
  })
  const key = readFileSync(join(stage.state, 'hub/machine.key'), 'utf8').trim()
  return greet(`ws://127.0.0.1:${stage.port}`, key, statuses)
}

async function atFloor(t: Cleanup, statuses: AgentStatus[]): Promise<Greetings> {
  const floor = start(t, 'plain.ts', '')
  const [port] = (await once(floor, 'message')) as [number]
  return greet(`ws://127.0.0.1:${port}`, 'key', statuses)
}

/** Greets a server twice. */
async function greet(url: string, key: string, agents: AgentStatus[]): Promise<Greetings> {
  const hello = JSON.stringify(helloOf({ machine_id: MACHINE, agents }))
  const greetOnce = async () => {
    const daemon = await LightDaemon.dial(url, key)
    const began = monotonic()
    daemon.send(hello)
    await once(daemon.socket, 'message')
    const ms = monotonic() - began
    const welcomed = Object.keys(daemon.offsets).length
    if (welcomed !== agents.length) throw new Error(`the welcome has ${welcomed} agents`)
    await daemon.close()
    return ms
  }
  return { first: await greetOnce(), next: await greetOnce() }
}
