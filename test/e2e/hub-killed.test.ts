import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Event } from '../../src/protocol/index.ts'
import { frameOf, LightDaemon, statusOf } from '../support/light-daemon.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const offsets = (events: Event[]) => events.map(({ offset }) => offset)

const steps = (to: number, step = 10) => Array.from({ length: to / step }, (_, n) => n * step)

/** Number of journal bytes in one frame, and the maximum in all unacknowledged frames. */
const FRAME = 1000

const WINDOW = 200 * FRAME

test('a hub that is killed again and again during a stream loses and duplicates nothing that it acknowledged', async (t) => {
  const running: ChildProcess[] = []
  t.after(() => {
    for (const child of running) child.kill('SIGKILL')
  })
  const dir = tempDir(t)
  const end = 3_000_000
  let acked = 0
  for (const killAt of [300_000, 700_000, 1_100_000, 1_500_000, 2_000_000]) {
    const { child, daemon } = await hubProcess(dir)
    running.push(child)
    const have = daemon.offsets.a!
    assert.ok(have >= acked, `${acked} was acknowledged, ${have} is there`)
    acked = await stream(daemon, have, end, killAt)
    assert.ok(acked < end)
    child.kill('SIGKILL')
    acked = ackedBy(daemon, acked)
    await daemon.ended()
  }
  const { child, url, daemon } = await hubProcess(dir)
  running.push(child)
  assert.equal(await stream(daemon, daemon.offsets.a!, end, end), end)
  const headers = { authorization: `Bearer ${readFileSync(`${dir}/user.key`, 'utf8').trim()}` }
  const seen: number[] = []
  for (let after: string | undefined = ''; after !== undefined; ) {
    const answer = await fetch(`${url}/api/agents/a/events?limit=10000${after && `&after=${after}`}`, {
      headers,
    })
    const page = (await answer.json()) as { events: Event[]; next?: string }
    seen.push(...offsets(page.events))
    after = page.next
  }
  assert.deepEqual(seen, steps(end, 100))
})

async function hubProcess(dir: string) {
  const program = fileURLToPath(new URL('../support/hub-process.ts', import.meta.url))
  const child = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (data) => {
    said += data
  })
  await until(() => said.endsWith('\n'), { what: 'the hub' })
  const url = said.trim()
  const key = readFileSync(`${dir}/machine.key`, 'utf8').trim()
  return { child, url, daemon: await LightDaemon.greet({ url, key, hello: { agents: [statusOf('a')] } }) }
}

/** Sends a journal from `from` to `end`, until `enough` is acknowledged. @returns the acknowledged offset */
async function stream(daemon: LightDaemon, from: number, end: number, enough: number): Promise<number> {
  let at = from
  let acked = from
  while (acked < enough) {
    for (; at < Math.min(acked + WINDOW, end); at += FRAME) daemon.send(frameOf('a', at, at + FRAME, 100))
    const before = acked
    acked = await until(() => ackedBy(daemon, before) > before && ackedBy(daemon, before), { what: 'an ack' })
  }
  return acked
}

const ackedBy = (daemon: LightDaemon, before: number) =>
  Math.max(before, ...daemon.ofType('agent:ack').map(({ offsets }) => (offsets as { a: number }).a))
