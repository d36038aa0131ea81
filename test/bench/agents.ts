import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Limits } from '../../src/protocol/index.ts'
import type { Benchmark } from './benchmark.ts'
import type { Figure } from './figure.ts'
import { stampedLine } from './line.ts'
import { median, memoryOf, monotonic, processorMs } from './measure.ts'
import { type Connected, Rig } from './rig.ts'

const LINE_BYTES = 300

/**
 * The memory, CPU, and time that a daemon and its helpers use for agents. The agents are shell scripts that
 * wait; their launchers and feeders are real.
 */
export const agents: Benchmark = {
  name: 'agents',
  about:
    'memory for each agent, CPU with 100 idle agents, heartbeats with 200 agents, recovery with 500 agents',
  async run(t, { quick, say }) {
    const rig = await Rig.open(t)
    const daemon = await rig.daemon()
    const [some, more, most] = quick ? [2, 3, 4] : [100, 200, 500]
    await sleep(quick ? 200 : 8000)
    const alone = memoryOf(daemon.pid).pss

    say(`${some} agents`)
    const folders = await rig.agents(some)
    await sleep(quick ? 200 : 8000)
    const share = (memoryOf(daemon.pid).pss - alone) / some
    const beside = median(folders.map((folder) => besideAgent(rig, folder)))
    const idle = await idlePercent(daemon, quick ? 500 : 30_000)

    say(`${more} agents, each writing 10 lines a second`)
    folders.push(...(await rig.agents(more - some, folders.length)))
    const longest = await longestAnswer(rig, folders, quick ? 500 : 10_000)

    say(`${most} agents, killing the daemon`)
    folders.push(...(await rig.agents(most - more, folders.length)))
    // The daemon saves its cursors every few seconds.
    await sleep(quick ? 200 : 5000)
    const recoveries: number[] = []
    let last = daemon
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      await last.end('SIGKILL')
      const started = monotonic()
      const received = await rig.expect(folders.length)
      for (const folder of folders)
        appendFileSync(join(folder, 'activity.jsonl'), stampedLine(monotonic(), LINE_BYTES))
      const written = monotonic() - started
      last = await rig.daemon()
      if (last.running !== folders.length)
        throw new Error(`the daemon took over ${last.running} of ${folders.length} agents`)
      recoveries.push((await received()).at - started - written)
      await sleep(quick ? 100 : 3000)
    }
    return [
      {
        name: `memory per agent, without the agent itself (PSS, of ${some})`,
        value: share + beside,
        unit: 'MB',
        goal: { at: 'most', limit: 3 },
      },
      {
        name: `CPU with ${some} idle agents`,
        value: idle,
        unit: '%',
        goal: { at: 'most', limit: 0.2 },
      },
      {
        name: `longest delay of a pong while ${more} agents write`,
        value: longest,
        unit: 'ms',
        goal: { at: 'most', limit: Limits.heartbeat_ms },
      },
      {
        name: `recovery of ${most} agents and their lines after a kill`,
        value: median(recoveries),
        unit: 'ms',
        goal: { at: 'most', limit: 1000 },
      },
    ] satisfies Figure[]
  },
}

/** Returns the PSS of an agent's launcher and feeder. */
function besideAgent(rig: Rig, folder: string): number {
  const { agent } = JSON.parse(readFileSync(join(folder, 'process.json'), 'utf8'))
  const others = rig.processesOf(folder).filter((pid) => pid !== agent.pid)
  return others.reduce((sum, pid) => sum + memoryOf(pid).pss, 0)
}

async function idlePercent(daemon: Connected, ms: number): Promise<number> {
  const before = processorMs(daemon.pid)
  const start = monotonic()
  await sleep(ms)
  return ((processorMs(daemon.pid) - before) / (monotonic() - start)) * 100
}

/** Returns the daemon's longest delay of a pong while each agent writes ten lines a second. */
async function longestAnswer(rig: Rig, folders: string[], ms: number): Promise<number> {
  rig.ask({ do: 'heartbeat', ms })
  const start = monotonic()
  for (let round = 0; monotonic() - start < ms; round++) {
    for (const folder of folders)
      appendFileSync(join(folder, 'activity.jsonl'), stampedLine(monotonic(), LINE_BYTES))
    await sleep(Math.max(0, start + (round + 1) * 100 - monotonic()))
  }
  return (await rig.reply('heartbeat')).longestMs
}
