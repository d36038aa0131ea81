/** The benchmark: `npm run bench -- --help`. The file of each benchmark explains what its figures compare. */
import { cpus, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { agents } from './agents.ts'
import type { Benchmark } from './benchmark.ts'
import { type Judged, judge, table } from './figure.ts'
import { fleet } from './fleet.ts'
import { flow } from './flow.ts'
import { followers } from './followers.ts'
import { frames } from './frames.ts'
import { growth } from './growth.ts'
import { hub } from './hub.ts'
import { policy } from './policy.ts'
import { start } from './start.ts'

const BENCHMARKS: Benchmark[] = [start, flow, agents, policy, growth, fleet, hub, followers, frames]

const HELP = `Usage: npm run bench -- [--only NAME]... [--quick] [--json]

Measures figures, and compares each with a floor measured in the same run.

  --only NAME  run only this benchmark; may be repeated
  --quick      only check that everything runs; the figures mean nothing
  --json       print one JSON object to standard output

Benchmarks:
${BENCHMARKS.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}

The exit code is 0 if everything was measured, even if goals are missed.`

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

/** Runs one benchmark and its cleanups, in reverse order. */
async function run(benchmark: Benchmark): Promise<Judged[]> {
  const cleanups: (() => void | Promise<void>)[] = []
  const clear = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  const interrupted = () => void clear().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  const say = (text: string) => process.stderr.write(`${benchmark.name}: ${text}\n`)
  try {
    say(benchmark.about)
    const figures = await benchmark.run({ after: (fn) => cleanups.push(fn) }, { quick: flags.quick, say })
    return figures.map(judge)
  } finally {
    await clear()
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
}

if (flags.help) {
  console.log(HELP)
} else {
  const unknown = flags.only.find((wanted) => !BENCHMARKS.some(({ name }) => name === wanted))
  if (unknown !== undefined) {
    console.error(
      `Unknown benchmark ${unknown}. Use one of ${BENCHMARKS.map(({ name }) => name).join(', ')}.`,
    )
    process.exit(2)
  }
  const chosen = BENCHMARKS.filter(({ name }) => flags.only.length === 0 || flags.only.includes(name))
  const figures: Judged[] = []
  for (const benchmark of chosen) figures.push(...(await run(benchmark)))
  const machine = {
    processors: cpus().length,
    memory_gb: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.versions.node,
  }
  if (flags.json) console.log(JSON.stringify({ machine, quick: flags.quick, figures }))
  else {
    console.log(table(figures))
    console.log(
      `\n${Object.entries(machine)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}`,
    )
  }
}
