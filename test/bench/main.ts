/** The benchmark: `npm run bench -- --help`. The file of each benchmark explains what its figures compare. */
import { cpus, release, totalmem } from 'node:os'
import { readFlags } from '../support/read-flags.ts'
import { agentStart } from './agent-start.ts'
import { agents } from './agents.ts'
import { backlog } from './backlog.ts'
import type { Benchmark } from './benchmark.ts'
import { commands } from './commands.ts'
import { compare } from './compare/compare.ts'
import { comparison } from './compare/compared.ts'
import { consolePage } from './console.ts'
import { conversationPage } from './conversation.ts'
import { type Figure, judge, table } from './figure.ts'
import { fleet } from './fleet.ts'
import { flow } from './flow.ts'
import { followers } from './followers.ts'
import { frames } from './frames.ts'
import { growth } from './growth.ts'
import { hub } from './hub.ts'
import { knownAgents } from './known-agents.ts'
import { memory } from './memory.ts'
import { policy } from './policy.ts'
import { reads } from './reads.ts'
import { start } from './start.ts'
import { stores } from './stores.ts'

const BENCHMARKS: Benchmark[] = [
  commands,
  start,
  memory,
  flow,
  agents,
  agentStart,
  policy,
  growth,
  fleet,
  hub,
  stores,
  backlog,
  followers,
  knownAgents,
  reads,
  frames,
  consolePage,
  conversationPage,
]

const HELP = `Usage: npm run bench -- [--only NAME]... [--quick | --long] [--json]
       npm run bench -- --compare [--quick] [--json | --markdown]

Measures figures, and compares each with a floor measured in the same run.

  --only NAME  run only this benchmark; may be repeated
  --compare    run only this: ${compare.about}
  --quick      only check that everything runs; the figures mean nothing
  --long       grow histories to 10 GB where the benchmark does so; takes an hour, and 60 GB on the disk
  --json       print one JSON object to standard output
  --markdown   print the comparison as a table for a page

Benchmarks:
${BENCHMARKS.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}

The exit code is 0 if everything was measured, even if goals are missed.`

const OPTIONS = {
  only: { type: 'string', multiple: true, default: [] as string[] },
  quick: { type: 'boolean', default: false },
  long: { type: 'boolean', default: false },
  compare: { type: 'boolean', default: false },
  markdown: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

const flags = readFlags(OPTIONS, 'Run: npm run bench -- --help')

/** Runs one benchmark and its cleanups, in reverse order. */
async function run<R>(benchmark: Benchmark<R>): Promise<R> {
  const cleanups: (() => void | Promise<void>)[] = []
  const clear = async () => {
    // A cleanup may register another one.
    for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup()
  }
  const interrupted = () => void clear().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  const say = (text: string) => process.stderr.write(`${benchmark.name}: ${text}\n`)
  try {
    say(benchmark.about)
    return await benchmark.run(
      { after: (fn) => cleanups.push(fn) },
      { quick: flags.quick, long: flags.long, say },
    )
  } finally {
    await clear()
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
}

/** Prints results, and the machine: as JSON if requested, otherwise as text. */
function print(results: object, text: string) {
  const machine = {
    date: new Date().toISOString().slice(0, 10),
    processors: cpus().length,
    memory_gb: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.versions.node,
  }
  if (flags.json) return console.log(JSON.stringify({ machine, quick: flags.quick, ...results }))
  const facts = Object.entries(machine).map(([name, value]) => `${name} ${value}`)
  console.log(`${text}\n\n${facts.join(', ')}`)
}

if (flags.help) {
  console.log(HELP)
} else if (flags.compare) {
  const peers = await run(compare)
  print({ peers }, comparison(peers, flags.markdown))
} else {
  const unknown = flags.only.find((wanted) => !BENCHMARKS.some(({ name }) => name === wanted))
  if (unknown !== undefined) {
    console.error(
      `Unknown benchmark ${unknown}. Use one of ${BENCHMARKS.map(({ name }) => name).join(', ')}.`,
    )
    process.exit(2)
  }
  const chosen = BENCHMARKS.filter(({ name }) => flags.only.length === 0 || flags.only.includes(name))
  const figures: Figure[] = []
  for (const benchmark of chosen) figures.push(...(await run(benchmark)))
  const judged = figures.map(judge)
  print({ figures: judged }, table(judged))
}
