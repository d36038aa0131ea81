import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { Benchmark } from './benchmark.ts'
import type { Figure } from './figure.ts'
import { FRAMES } from './frame-samples.ts'

interface Cost {
  ms: number
  mb: number
  /** Size of the frame, in MB. */
  size: number
}

const program = fileURLToPath(new URL('programs/frame.ts', import.meta.url))

/** Measures a frame in a separate process, so that the peak memory is that of this frame alone. */
async function cost(name: string, way: 'read' | 'parse' | 'scan', rounds: number): Promise<Cost> {
  const { stdout } = await execa(process.execPath, ['--expose-gc', program, name, way, String(rounds)])
  return JSON.parse(stdout)
}

/**
 * The cost of a frame to its receiver. The floor for an accepted frame is JSON.parse. For a rejected frame,
 * the floor for the CPU time is a scan of the frame, and the floor for the memory is the size of the frame.
 */
export const frames: Benchmark = {
  name: 'frames',
  about: 'CPU time and memory of rejected and accepted frames',
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
          floor: { value: floor.ms, of: taken ? 'JSON.parse' : 'a loop over the bytes' },
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
