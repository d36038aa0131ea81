import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { Benchmark } from './benchmark.ts'
import type { Figure } from './figure.ts'
import { FRAMES } from './frame-samples.ts'

interface Cost {
  ms: number
  mb: number
  /** Of the frame, in MB. */
  size: number
}

const program = fileURLToPath(new URL('programs/frame.ts', import.meta.url))

/** A process of its own, whose height of memory is that of one frame. */
async function cost(name: string, way: 'read' | 'parse' | 'scan', rounds: number): Promise<Cost> {
  const { stdout } = await execa(process.execPath, ['--expose-gc', program, name, way, String(rounds)])
  return JSON.parse(stdout)
}

/** What a frame costs whoever gets it: one that is refused against its size and a scan, one that is taken against JSON.parse. */
export const frames: Benchmark = {
  name: 'frames',
  about: 'processor time and memory of frames that are refused, and of those that are taken',
  async run(_t, { quick, say }) {
    const figures: Figure[] = []
    for (const { name, taken } of FRAMES) {
      say(name)
      const rounds = quick ? 1 : 9
      const ours = await cost(name, 'read', rounds)
      const floor = await cost(name, taken ? 'parse' : 'scan', rounds)
      figures.push(
        {
          name: `${name}: time`,
          value: ours.ms,
          unit: 'ms',
          floor: { value: floor.ms, of: taken ? 'JSON.parse' : 'a loop over its bytes' },
          goal: { at: 'most', limit: taken ? 2 : 3 },
        },
        {
          name: `${name}: memory`,
          value: ours.mb,
          unit: 'MB',
          floor: { value: taken ? floor.mb : ours.size, of: taken ? 'JSON.parse' : 'its size' },
          goal: { at: 'most', limit: 2 },
        },
      )
    }
    return figures
  },
}
