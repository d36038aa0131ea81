import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { RUN, Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import { until } from '../support/wait.ts'
import type { Benchmark } from './benchmark.ts'
import { inTurn, start } from './children.ts'
import type { Figure } from './figure.ts'
import { median, memoryOf } from './measure.ts'

/** Time until a new process is idle and has collected its garbage, in ms. */
const SETTLED_MS = 25_000

/** Executable of this machine's platform, if it was built. */
const EXECUTABLE = fileURLToPath(
  new URL(`../../dist/bin/fomular-daemon-linux-${process.arch}`, import.meta.url),
)

const settle = (quick: boolean) => new Promise((resolve) => setTimeout(resolve, quick ? 500 : SETTLED_MS))

type Command = [string, ...string[]]

/** Idle memory of a hub, and of a hub with a daemon in the same process. */
export const memory: Benchmark = {
  name: 'memory',
  about: 'idle memory of a hub, of hub and daemon in one process, and of the executable',
  async run(t, { quick }) {
    const programs = [RUN, ...(existsSync(EXECUTABLE) ? [[EXECUTABLE] satisfies Command] : [])]
    const own = ['hub', 'up'].flatMap((name) => programs.map((program) => ({ name, program })))
    const contenders = [bare, ...(await Promise.all(own.map((command) => startOf(t, command))))]
    // The first start of each program keeps the compiled code.
    await idle(t, contenders, quick)
    const rounds: number[][] = []
    for (let round = 0; round < (quick ? 1 : 5); round++) rounds.push(await idle(t, contenders, quick))
    const [floor, ...values] = contenders.map((_, n) => median(rounds.map((round) => round[n]!)))
    const of = 'a bare Node process with ws and an HTTP server'
    return [
      ['hub', 1.2],
      ['up', 1.35],
    ].flatMap(([name, limit], n): Figure[] => {
      const [npm, executable] = values.slice(n * programs.length)
      const figure = { name: `idle memory of ${name} (RSS)`, value: npm!, unit: 'MB' } as const
      return [
        { ...figure, floor: { value: floor!, of }, goal: { at: 'most', limit: Number(limit) } },
        ...(programs.length === 1
          ? []
          : [
              {
                ...figure,
                name: `idle memory of ${name}, executable (RSS)`,
                value: executable!,
                floor: { value: npm!, of: 'the npm package' },
                goal: { at: 'most', limit: 1.15 } as const,
              },
            ]),
      ]
    })
  },
}

/** Starts a process, which ends with `t`. Resolves with its pid when it answers. */
type Start = (t: Cleanup) => Promise<number>

const bare: Start = async (t) => {
  const server = start(t, 'bare-server.cjs', '')
  await once(server, 'message')
  return server.pid!
}

async function startOf(t: Cleanup, { name, program }: { name: string; program: Command }): Promise<Start> {
  const stage = await Stage.open(t)
  return async (own) => {
    const run = stage.run([name, '--port', String(stage.port)], {}, program)
    own.after(async () => {
      run.kill('SIGTERM')
      await run.ended
    })
    await isReady(stage.port)
    return run.pid
  }
}

/** Starts the processes one after another, and returns their RSS when they are idle, in MB. */
const idle = (t: Cleanup, contenders: Start[], quick: boolean) =>
  inTurn(t, async (own) => {
    const pids: number[] = []
    for (const begin of contenders) pids.push(await begin(own))
    await settle(quick)
    return pids.map((pid) => memoryOf(pid).rss)
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
