/**
 * Kills updates at random moments, in all layouts, with a real registry and npm. After each kill, checks that
 * the command works, exactly one daemon runs, the same agent is still running, and the reported outcome is
 * correct.
 *
 *     npm run test:update-kills -- [--kills N] [--seed S] [--layout NAME]
 *
 * Prints a line for each kill to stderr, and a summary as one JSON object to stdout. The exit code is 0 if
 * there were no faults.
 */

import { Random } from '../chaos/random.ts'
import { readFlags } from '../support/read-flags.ts'
import { TestRegistry } from '../support/registry.ts'
import { LAYOUTS, type LayoutName } from './layouts.ts'
import { type Kill, killUpdates } from './run.ts'

const values = readFlags({
  kills: { type: 'string', default: '200' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  layout: { type: 'string' },
})
const layouts = LAYOUTS.filter((name) => values.layout === undefined || name === values.layout)
if (layouts.length === 0) throw new Error(`--layout must be one of ${LAYOUTS.join(', ')}`)

const cleanups: (() => void | Promise<void>)[] = []
const t = { after: (cleanup: () => void | Promise<void>) => void cleanups.push(cleanup) }
const kills: Kill[] = []
const told = (kill: Kill) => {
  kills.push(kill)
  const { layout, victim, at_ms, hit, outcome, faults } = kill
  process.stderr.write(
    `${layout.padEnd(17)} ${victim.padEnd(10)} at ${String(at_ms).padStart(5)} ms  hit ${hit}  ${outcome}${faults.map((fault) => `\n  FAULT ${fault}`).join('')}\n`,
  )
}

try {
  const registry = await TestRegistry.open(t)
  for (const version of ['1.0.0', '1.1.0']) {
    await registry.release({ version })
    await registry.releaseExecutable({ version })
  }
  const random = new Random(values.seed)
  for (const [n, layout] of layouts.entries()) {
    const share =
      Math.floor(Number(values.kills) / layouts.length) + (n < Number(values.kills) % layouts.length ? 1 : 0)
    if (share > 0)
      await killUpdates(t, {
        registry,
        layout: layout as LayoutName,
        kills: share,
        random: random.fork(layout),
        told,
      })
  }
} finally {
  // Ends processes before deleting the folders that they write to.
  for (const cleanup of cleanups.reverse()) await cleanup()
}

const outcomes: Record<string, number> = {}
for (const { outcome } of kills) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
const bad = kills.filter(({ faults }) => faults.length > 0)
process.stdout.write(
  `${JSON.stringify({ seed: values.seed, kills: kills.filter(({ hit }) => hit > 0).length, missed: kills.filter(({ hit }) => hit === 0).length, outcomes, faults: bad })}\n`,
)
process.exit(bad.length === 0 ? 0 : 1)
