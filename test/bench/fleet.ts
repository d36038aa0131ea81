import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Stage } from '../support/stage.ts'
import type { Benchmark } from './benchmark.ts'
import { giveKeys } from './hub-keys.ts'
import { monotonic } from './measure.ts'
import type { FleetReport } from './programs/fleet.ts'

const PROCESSES = 2
const POLL_MS = 100
/** Time without a hub, in milliseconds. */
const AWAY_MS = 10_000
const PATIENCE_MS = 180_000

/**
 * Kills the hub of many daemons, and starts it again. Measures the time from that start until all daemons are
 * connected again, and the number of dials in the worst second. 2 000 full daemons would not fit on one
 * machine with their hub, so only this project's connection code runs, with its backoff.
 */
export const fleet: Benchmark = {
  name: 'fleet',
  about: '2 000 daemons reconnecting to one hub at once',
  async run(t, { quick, say }) {
    const count = quick ? 20 : 2000
    const stage = await Stage.open(t)
    const keyFile = giveKeys(stage, count)
    const hub = await stage.hub()
    const clients = Array.from({ length: PROCESSES }, (_, n) =>
      fork(
        fileURLToPath(new URL('programs/fleet.ts', import.meta.url)),
        [`ws://127.0.0.1:${stage.port}`, keyFile, String(count / PROCESSES), String((n * count) / PROCESSES)],
        { env: stage.env },
      ),
    )
    t.after(() => {
      for (const client of clients) client.kill('SIGKILL')
    })
    say(`${count} daemons connect`)
    const first = monotonic()
    await allLive(clients, count)
    const connected = monotonic() - first

    say('killing the hub')
    hub.kill('SIGKILL')
    await hub.ended
    await sleep(quick ? 500 : AWAY_MS)
    await ask(clients)
    const started = monotonic()
    await stage.hub()
    const dials = await allLive(clients, count)
    return [
      { name: `${count} new daemons live`, value: connected / 1000, unit: 's' },
      {
        name: `${count} daemons live again after the hub's start`,
        value: (monotonic() - started) / 1000,
        unit: 's',
      },
      {
        name: 'dials in the worst second',
        value: worstSecond(dials.filter((at) => at >= started)),
        unit: 'per s',
      },
    ]
  },
}

async function ask(clients: ChildProcess[]): Promise<FleetReport> {
  const reports = await Promise.all(
    clients.map(async (client) => {
      const reply = once(client, 'message')
      client.send('report')
      return (await reply)[0] as FleetReport
    }),
  )
  return {
    live: reports.reduce((sum, { live }) => sum + live, 0),
    dials: reports.flatMap(({ dials }) => dials),
  }
}

/** Waits until all daemons are live. @returns the times of the dials since the last report */
async function allLive(clients: ChildProcess[], count: number): Promise<number[]> {
  const dials: number[] = []
  for (const deadline = monotonic() + PATIENCE_MS; ; await sleep(POLL_MS)) {
    const report = await ask(clients)
    dials.push(...report.dials)
    if (report.live === count) return dials
    if (monotonic() > deadline) throw new Error(`only ${report.live} of ${count} daemons are live`)
  }
}

function worstSecond(times: number[]): number {
  const sorted = [...times].sort((a, b) => a - b)
  let worst = 0
  for (let from = 0, to = 0; to < sorted.length; to++) {
    while (sorted[to]! - sorted[from]! >= 1000) from++
    worst = Math.max(worst, to - from + 1)
  }
  return worst
}
