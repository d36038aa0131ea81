import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { fuzz, type Verdict } from '../fuzz/run.ts'
import type { TargetName } from '../fuzz/targets/index.ts'
import { tempDir } from '../support/temp.ts'

/** Number of inputs for each target. Such a short fuzz run still finds a broken target or a serious fault. */
const COUNTS: Record<TargetName, number> = { daemon: 300, hub: 400, http: 400, journal: 2000, cli: 200 }

const MAIN = fileURLToPath(new URL('../fuzz/main.ts', import.meta.url))

for (const [name, count] of Object.entries(COUNTS))
  test(`malformed input neither ends nor blocks the fuzz target ${name}`, async () => {
    const args = [MAIN, '--target', name, '--count', String(count), '--seed', 'npm-test']
    const { code, stdout } = await ran(args)
    const { finding, inputs } = JSON.parse(stdout) as Verdict
    assert.equal(finding?.message, undefined, finding?.again)
    assert.equal(inputs, count)
    assert.equal(code, 0)
  })

const ran = (args: string[]) =>
  new Promise<{ code: number; stdout: string }>((resolve) =>
    execFile(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout) =>
      resolve({ code: Number(error?.code ?? 0), stdout }),
    ),
  )

test('an input that causes a failure is found, saved, and reproduced', async (t) => {
  const savePath = join(tempDir(t), 'inputs.txt')
  const taken: string[] = []
  const options = {
    name: 'a target that fails at the input 7',
    seed: '1',
    from: 0,
    count: 40,
    savePath,
    open: async () => ({
      batch: 10,
      memoryLimit: Number.POSITIVE_INFINITY,
      input: (random: { int(low: number, high: number): number }) => Buffer.from(String(random.int(0, 20))),
      feed: async (inputs: Buffer[]) => {
        taken.push(...inputs.map(String))
        if (inputs.some((input) => String(input) === '7')) throw new Error('not 7')
      },
      check: async () => {},
      memory: () => 0,
      disk: () => 0,
    }),
  }
  const { finding } = await fuzz(options)
  assert.match(finding?.message ?? '', /not 7/)
  const batch = taken.splice(0).slice(finding!.inputs[0])
  assert.ok(batch.includes('7'))
  const again = await fuzz({ ...options, from: finding!.inputs[0], count: finding!.inputs[1] })
  assert.match(again.finding?.message ?? '', /not 7/)
  assert.deepEqual(taken, batch)
})
