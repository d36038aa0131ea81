import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import type { Benchmark } from './benchmark.ts'
import { inTurn, report, start } from './children.ts'
import type { Figure } from './figure.ts'
import { giveKeys } from './hub-keys.ts'
import { interleaved, median, memoryOf, processorMs } from './measure.ts'
import type { FollowersPlan, FollowersReport } from './programs/followers.ts'
import type { MachinesPlan, MachinesReport } from './programs/machines.ts'

const RUN_MS = 3000
/** Time before the measurement, in which all streams reach the newest event, in ms. */
const WARM_MS = 3000
const FOLLOWERS = 1000
/** Number of user keys. One key gets at most half of the hub's streams. */
const KEYS = 4
/** Maximum time from sending an event until a follower has it, in ms. */
const LAG_MS = 250

/** Loads: the number of agents, and their frames per second together. */
const LOADS = [
  { agents: 100, rate: 1000 },
  { agents: 1, rate: 100 },
]

interface Measured {
  machines: MachinesReport
  followers: FollowersReport | undefined
  /** CPU time of the hub per second, in ms. */
  processorMs: number
  rssMb: number
}

/** Clients that follow agents, and the latency of acknowledgments with them and without them. */
export const followers: Benchmark = {
  name: 'followers',
  about: 'acknowledgments of a hub with 1 000 streams, and how far the streams are behind',
  async run(t, { quick, say }) {
    const figures: Figure[] = []
    for (const load of LOADS) {
      const count = quick ? 20 : FOLLOWERS
      const agents = quick ? Math.min(load.agents, 10) : load.agents
      const title = `${count} followers of ${agents} ${agents === 1 ? 'agent' : 'agents'}`
      say(title)
      const { followed, alone } = await interleaved(quick ? 1 : 3, {
        followed: () => inTurn(t, (own) => measured(own, { ...load, agents }, count, quick)),
        alone: () => inTurn(t, (own) => measured(own, { ...load, agents }, 0, quick)),
      })
      figures.push(...figuresOf(title, followed, alone))
    }
    return figures
  },
}

function figuresOf(title: string, followed: Measured[], alone: Measured[]): Figure[] {
  const of = 'the hub without followers'
  const beside = (name: string, unit: Figure['unit'], value: (run: Measured) => number): Figure => ({
    name: `${title}: ${name}`,
    value: median(followed.map(value)),
    unit,
    floor: { value: median(alone.map(value)), of },
  })
  const lags = (key: 'p50' | 'most') => followed.map((run) => run.followers![key])
  return [
    {
      ...beside('acknowledgment, median', 'ms', ({ machines }) => machines.p50),
      goal: { at: 'most', limit: 2 },
    },
    beside('acknowledgment, 99 %', 'ms', ({ machines }) => machines.p99),
    {
      name: `${title}: events received`,
      value: median(followed.map((run) => (run.followers!.events / run.followers!.ms) * 1000)),
      unit: 'per s',
    },
    { name: `${title}: lag, median`, value: median(lags('p50')), unit: 'ms' },
    {
      name: `${title}: lag, maximum of all rounds`,
      value: Math.max(...lags('most')),
      unit: 'ms',
      goal: { at: 'most', limit: LAG_MS },
    },
    beside('CPU of the hub', '%', (run) => run.processorMs / 10),
    beside('memory of the hub', 'MB', ({ rssMb }) => rssMb),
  ]
}

async function measured(
  t: Cleanup,
  { agents, rate }: (typeof LOADS)[number],
  count: number,
  quick: boolean,
): Promise<Measured> {
  const stage = await Stage.open(t)
  const keyFile = giveKeys(stage, agents)
  const { pid } = await stage.hub()
  const url = `ws://127.0.0.1:${stage.port}`
  const plan: MachinesPlan = { url, keyFile, machines: agents, frame: 'small', window: 0, rate }
  const machines = start(t, 'machines.ts', JSON.stringify(plan))
  await once(machines, 'message')
  const streams = count > 0 ? await follow(t, stage, { followers: count, agents }) : undefined
  machines.send('start')
  await sleep(quick ? 200 : WARM_MS)
  const reports = async () => ({
    machines: await report<MachinesReport>(machines),
    followers: streams && (await report<FollowersReport>(streams)),
  })
  await reports()
  const before = processorMs(pid)
  await sleep(quick ? 500 : RUN_MS)
  const used = processorMs(pid) - before
  const made = await reports()
  return { ...made, processorMs: (used / made.machines.ms) * 1000, rssMb: memoryOf(pid).rss }
}

/** Opens streams, and returns the process that reads them. */
async function follow(t: Cleanup, stage: Stage, plan: Pick<FollowersPlan, 'followers' | 'agents'>) {
  const keys: string[] = []
  for (let n = 0; n < KEYS; n++) {
    const { key } = await stage.api<{ key: string }>('POST', '/api/keys', {
      name: `follower-${n}`,
      role: 'viewer',
    })
    keys.push(key)
  }
  const streams = start(t, 'followers.ts', JSON.stringify({ ...plan, url: stage.hubUrl, keys }))
  await once(streams, 'message')
  return streams
}
