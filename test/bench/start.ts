import type { Benchmark } from './benchmark.ts'
import { interleaved, median, memoryOf } from './measure.ts'
import { type Connected, Rig } from './rig.ts'

/** Time until a new process is idle and has collected its garbage, in milliseconds. */
const SETTLED_MS = 25_000

/**
 * Time from the start of the process until the receiver has its first frame (a daemon's greeting), and the
 * idle memory of the process. The floor is a Node process that loads `ws` from node_modules and connects.
 */
export const start: Benchmark = {
  name: 'start',
  about: 'time from start to connection, and idle memory, compared with a bare Node process with ws',
  async run(t, { quick }) {
    const rig = await Rig.open(t)
    const once = (begin: () => Promise<Connected>) => async () => {
      const process = await begin()
      await process.end()
      return process.tookMs
    }
    // The first process creates the state folder at its start, and writes the compile cache at its end.
    const first = await rig.daemon()
    await sleepUntilSettled(quick)
    await first.end('SIGTERM')
    const took = await interleaved(quick ? 3 : 21, {
      floor: once(() => rig.bare()),
      daemon: once(() => rig.daemon()),
    })

    const bare = await rig.bare()
    const daemon = await rig.daemon()
    await sleepUntilSettled(quick)
    const memory = { floor: memoryOf(bare.pid), daemon: memoryOf(daemon.pid) }
    const of = 'a bare Node process with ws'
    return [
      {
        name: 'start to connected',
        value: median(took.daemon),
        unit: 'ms',
        floor: { value: median(took.floor), of },
        goal: { at: 'most', limit: 1.8 },
      },
      {
        name: 'idle memory (RSS)',
        value: memory.daemon.rss,
        unit: 'MB',
        floor: { value: memory.floor.rss, of },
        goal: { at: 'most', limit: 1.15 },
      },
      {
        name: 'idle memory, anonymous part',
        value: memory.daemon.own,
        unit: 'MB',
        floor: { value: memory.floor.own, of },
      },
    ]
  },
}

const sleepUntilSettled = (quick: boolean) =>
  new Promise((resolve) => setTimeout(resolve, quick ? 500 : SETTLED_MS))
