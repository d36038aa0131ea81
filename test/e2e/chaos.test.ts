// Needs: root, mount, unshare, /usr/lib/postgresql/*/bin/postgres
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Verdict } from '../chaos/run.ts'

const main = fileURLToPath(new URL('../chaos/main.ts', import.meta.url))

function chaos(
  ...args: string[]
): Promise<{ code: number; verdict: Verdict & { dir?: string }; said: string }> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [main, ...args], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (stdout === '') return reject(new Error(stderr))
      resolve({ code: Number(error?.code ?? 0), verdict: JSON.parse(stdout), said: stderr })
    })
  })
}

const FOUND_OUT: Record<string, { in: string; sabotage: string }> = {
  'a hub that acknowledges before it writes': { in: 'history', sabotage: 'ack-before-write' },
  'a daemon that runs a completed command again': { in: 'prompts', sabotage: 'no-ledger' },
}

// These tests mostly wait, so they run concurrently.
describe('the chaos suite', { concurrency: true }, () => {
  test('after many random faults, nothing is lost, duplicated, or left behind', async () => {
    const { code, verdict, said } = await chaos(
      ...['--faults', '50', '--seed', 'ci', '--machines', '2', '--agents', '5'],
    )
    assert.deepEqual(verdict.violations, [], said)
    assert.equal(code, 0)
    const { observed } = verdict
    // Checks that the agents and the hub did real work during the faults.
    for (const what of ['lines_written', 'inputs_read', 'exits_reported'])
      assert.ok(observed[what]! > 0, `${what}: ${observed[what]}`)
    assert.ok(observed.daemon_starts! > 2)
    assert.ok(observed.hub_starts! > 1)
    assert.ok(observed.link_connections! > observed.daemon_starts!)
  })

  test('after faults of a database, its hub has lost and duplicated nothing either', async () => {
    const { code, verdict, said } = await chaos(
      ...['--faults', '40', '--seed', 'ci', '--machines', '2', '--agents', '4', '--store', 'postgres'],
    )
    assert.deepEqual(verdict.violations, [], said)
    assert.equal(code, 0)
    assert.ok(verdict.observed.events_at_hub! > 0)
    const hits = Object.entries(verdict.injected).filter(
      ([kind, { hit }]) => /database/.test(kind) && hit > 0,
    )
    assert.ok(hits.length > 0, JSON.stringify(verdict.injected))
  })

  for (const [who, { in: what, sabotage }] of Object.entries(FOUND_OUT))
    test(`the chaos suite detects ${who}`, async () => {
      const { code, verdict } = await chaos(
        ...['--faults', '16', '--seed', 'ci', '--machines', '2', '--agents', '5', '--sabotage', sabotage],
      )
      if (verdict.dir) rmSync(verdict.dir, { recursive: true, force: true })
      assert.equal(code, 1)
      assert.ok(verdict.violated[what]! > 0, JSON.stringify(verdict.violated))
    })
})
