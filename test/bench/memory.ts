import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { RUN, Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import { until } from '../support/wait.ts'
import type { Benchmark } from './benchmark.ts'
import { inTurn, start } from './children.ts'
import type { Figure } from './figure.ts'
import { memoryOf } from './measure.ts'

/** Time until a new process is idle and has collected its garbage, in ms. */
const SETTLED_MS = 25_000

/** Executable of this machine's platform, if it was built. */
const EXECUTABLE = fileURLToPath(
  new URL(`../../dist/bin/fomular-daemon-linux-${process.arch}`, import.meta.url),
)

const settle = (quick: boolean) => new Promise((resolve) => setTimeout(resolve, quick ? 500 : SETTLED_MS))

/** Idle memory of a hub, and of a hub with a daemon in the same process. */
export const memory: Benchmark = {
  name: 'memory',
  about: 'idle memory of a hub, of hub and daemon in one process, and of the executable',
  async run(t, { quick }) {
    const server = start(t, 'bare-server.cjs', '')
    await once(server, 'message')
    await settle(quick)
    const bare = { value: memoryOf(server.pid!).rss, of: 'a bare Node process with ws and an HTTP server' }
    const figures: Figure[] = []
    for (const [name, limit] of [
      ['hub', 1.2],
      ['up', 1.35],
    ] as const) {
      const value = await idle(t, name, RUN, quick)
      const goal = { at: 'most', limit } as const
      figures.push({ name: `idle memory of ${name} (RSS)`, value, unit: 'MB', floor: bare, goal })
      if (!existsSync(EXECUTABLE)) continue
      figures.push({
        name: `idle memory of ${name}, executable (RSS)`,
        value: await idle(t, name, [EXECUTABLE], quick),
        unit: 'MB',
        floor: { value, of: 'the npm package' },
        goal: { at: 'most', limit: 1.15 },
      })
    }
    return figures
  },
}

/** Returns the idle memory of a command's second start: the first start keeps the compiled code. */
const idle = (t: Cleanup, name: 'hub' | 'up', command: [string, ...string[]], quick: boolean) =>
  inTurn(t, async (own) => {
    const stage = await Stage.open(own)
    const args = name === 'hub' ? ['hub', '--port', String(stage.port)] : ['up', '--port', String(stage.port)]
    const first = stage.run(args, {}, command)
    await isReady(stage.port)
    await settle(quick)
    first.kill('SIGTERM')
    await first.ended
    const { pid } = stage.run(args, {}, command)
    await isReady(stage.port)
    await settle(quick)
    await isReady(stage.port)
    return memoryOf(pid).rss
  })

/** Resolves when the hub answers. */
const isReady = (port: number) =>
  until(
    async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined)
      return answer?.ok
    },
    { what: 'the hub' },
  )
