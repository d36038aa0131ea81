import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { FRAMES } from '../bench/frame-samples.ts'
import { frameHead, RawConnections } from '../support/raw-connections.ts'
import { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

interface Cost {
  /** Processor time. */
  ms: number
  /** Peak memory in MB, without the memory of the frame itself. */
  mb: number
  size: number
}

const program = fileURLToPath(new URL('../bench/programs/frame.ts', import.meta.url))
const ROUNDS = '3'
/** Frames to measure, each of a different kind. */
const SHOWN = ['wrong items', 'too many values', 'a deep status', 'a long event', 'many events']

/** Reads a frame in a separate process, so that no other frame affects the peak memory of the process. */
async function cost(name: string, way: 'read' | 'parse' | 'scan'): Promise<Cost> {
  const { stdout } = await execa(process.execPath, ['--expose-gc', program, name, way, ROUNDS])
  return JSON.parse(stdout)
}

/** Memory that a process needs to read even a short frame, in MB. */
const SLACK_MB = 24
/** Factor that allows for other work on the machine at the same time. */
const UNREST = 2

for (const { name, taken } of FRAMES.filter(({ name }) => SHOWN.includes(name)))
  test(`a frame with ${name} takes at most ${taken ? 'twice the memory and time of JSON.parse' : 'twice its size in memory, and as long as three scans'}`, async () => {
    const ours = await cost(name, 'read')
    const floor = await cost(name, taken ? 'parse' : 'scan')
    const memory = 2 * (taken ? floor.mb : ours.size) + SLACK_MB
    assert.ok(ours.mb <= memory, `${ours.mb} MB of at most ${memory}`)
    const time = UNREST * (taken ? 2 : 3) * floor.ms
    assert.ok(ours.ms <= time, `${ours.ms} ms of at most ${time}`)
  })

test('connections of one key that never complete their greetings stay within the key’s memory limit at the hub', async (t) => {
  const stage = await Stage.open(t)
  const hub = await stage.hub()
  const height = () =>
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${hub.pid}/status`, 'utf8'))![1]) / 1024
  const before = height()
  const strangers = new RawConnections(t, stage.port)
  const key = readFileSync(`${stage.state}/hub/machine.key`, 'utf8').trim()
  const part = Buffer.alloc(30 * 1024 * 1024, 0x20)
  for (let n = 0; n < 12; n++) {
    const { socket } = await strangers.upgrade(key)
    socket.write(frameHead(59 * 1024 * 1024))
    await new Promise((resolve) => socket.write(part, resolve))
  }
  await until(() => strangers.open.length <= 1, { what: 'the end of all connections except one' })
  // The clients have sent 360 MiB in total. The memory of closed connections is not freed at once.
  assert.ok(height() - before < 200, `${height() - before} MB`)
})
