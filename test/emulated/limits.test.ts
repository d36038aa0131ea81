import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emulatedMachine, insideScript } from '../support/emulated-machine.ts'

/** Memory of the machine, in MiB. */
const MEMORY_MB = 1024

test('a small machine keeps its agents within their limits, and queues the starts that exceed its memory', async (t) => {
  const facts = await emulatedMachine(t, {
    memoryMb: MEMORY_MB,
    script: insideScript('inside.ts'),
    timeoutMs: 40 * 60_000,
  })
  const fact = <T>(name: string) => {
    assert.ok(facts.has(name), `${name} is missing: ${JSON.stringify(Object.fromEntries(facts))}`)
    return facts.get(name) as T
  }
  assert.equal(facts.get('error'), undefined)

  await t.test('a stop ends programs that have left their parents, session, and environment', () => {
    assert.ok(fact<number>('left') >= 3)
    assert.equal(fact('left_after_stop'), 0)
  })

  await t.test('the kernel ends a program that takes too much memory, and the status says so', () => {
    const { problems, exit } = fact<{ problems?: { detail: string }[]; exit?: { detail: string } }>('greedy')
    const said = [...(problems ?? []), exit].map((each) => each?.detail).join()
    assert.match(said, /The kernel ended .* because .* reached its limit of 150 MiB\. .* up to 1[45]\d MiB\./)
    assert.equal(fact<{ state: string }>('small').state, 'idle')
  })

  await t.test('an agent has at most the permitted number of processes', () => {
    const crowd = fact<number>('crowd')
    assert.ok(crowd > 20 && crowd <= 60, `${crowd} programs ran`)
    assert.equal(fact('programs_after_limits'), 0)
  })

  await t.test(
    'if 200 agents are started at once, those that do not fit into the memory wait in a queue, and nothing is swapped',
    () => {
      const [running, queued] = [fact<number>('running'), fact<number>('queued')]
      assert.equal(running + queued, 200)
      assert.ok(running > 2 && running < 30, `${running} agents run`)
      const last = fact<{ place: number; reason: string; remedy: string }>('last')
      // Far back in the queue, only every tenth place is reported.
      assert.ok(last.place >= queued && last.place < queued + 10, `${last.place} of ${queued}`)
      assert.match(
        last.reason,
        /needs about \d+ MiB of memory, but the machine can give it only|Memory is short/,
      )
      assert.match(last.remedy, /Stop agents/)
      const { least_available_mb, most_swapped_kb } = fact<Record<string, number>>('reserve')
      assert.ok(least_available_mb! > 75, `${least_available_mb} MiB were available`)
      assert.ok(most_swapped_kb! < 10_240, `${most_swapped_kb} KiB were swapped`)
      assert.equal(fact('one_more'), true)
    },
  )

  await t.test('the daemon does not restart in these tests', () => assert.equal(fact('daemon_restarts'), '0'))
})
