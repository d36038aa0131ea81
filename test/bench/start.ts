import type { Benchmark } from './benchmark.ts'
import type { Figure } from './figure.ts'
import { interleaved, type Memory, median, memoryOf } from './measure.ts'
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
    const of = 'a bare Node process with ws'
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

    const memory: { floor: Memory; daemon: Memory }[] = []
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      const [bare, daemon] = [await rig.bare(), await rig.daemon()]
      await sleepUntilSettled(quick)
      memory.push({ floor: memoryOf(bare.pid), daemon: memoryOf(daemon.pid) })
      await bare.end()
      await daemon.end('SIGTERM')
    }
    const memoryFigure = (name: string, key: keyof Memory): Figure => ({
      name,
      value: median(memory.map(({ daemon }) => daemon[key])),
      unit: 'MB',
      floor: { value: median(memory.map(({ floor }) => floor[key])), of },
    })
    return [
      {
        name: 'start to connected',
        value: median(took.daemon),
        unit: 'ms',
        floor: { value: median(took.floor), of },
        goal: { at: 'most', limit: 1.8 },
      },
      { ...memoryFigure('idle memory (RSS)', 'rss'), goal: { at: 'most', limit: 1.15 } },
      memoryFigure('idle memory, anonymous part', 'own'),
    ]
  },
}

const sleepUntilSettled = (quick: boolean) =>
  new Promise((resolve) => setTimeout(resolve, quick ? 500 : SETTLED_MS))
