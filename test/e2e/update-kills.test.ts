// Needs: root
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Random } from '../chaos/random.ts'
import { TestRegistry } from '../support/registry.ts'
import type { LayoutName } from '../update-kills/layouts.ts'
import { type Kill, killUpdates } from '../update-kills/run.ts'

// A short form of `npm run test:update-kills`.
const registry = await TestRegistry.shared()
await registry.release({ version: '1.0.0' })
await registry.release({ version: '1.1.0' })

async function killed(t: TestContext, layout: LayoutName, kills: number) {
  const seed = String(Date.now() % 1_000_000)
  t.diagnostic(`seed ${seed}`)
  const all: Kill[] = []
  const told = (kill: Kill) => void all.push(kill)
  const cleanups: (() => void | Promise<void>)[] = []
  t.after(async () => {
    // Cleans up in reverse order, so that supervisors stop before their folder is deleted.
    for (const cleanup of cleanups.reverse()) await cleanup()
  })
  const own = { after: (cleanup: () => void | Promise<void>) => void cleanups.push(cleanup) }
  await killUpdates(own, { registry, layout, kills, random: new Random(seed), told })
  assert.deepEqual(
    all.flatMap((kill) => kill.faults.map((fault) => ({ ...kill, fault }))),
    [],
  )
}

test('random kills during updates of a bare daemon never break the command or leave two daemons', (t) =>
  killed(t, 'global bare', 2))

test('random kills during updates in the user’s prefix under a supervisor never break the command or leave two daemons', (t) =>
  killed(t, 'prefix supervised', 2))
