import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { FrameReader } from '../chaos/frames.ts'
import { buildHastened, SABOTAGES, type Sabotage } from '../chaos/program.ts'
import { Random } from '../chaos/random.ts'
import { faultKinds, schedule } from '../chaos/schedule.ts'
import { Supervised } from '../chaos/supervised.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

test('the source edits for the accelerated and the sabotaged builds still apply to the code in src', async () => {
  const plain = await buildHastened('1.0.0')
  for (const sabotage of Object.keys(SABOTAGES) as Sabotage[])
    assert.notDeepEqual(await buildHastened('1.0.0', sabotage), plain)
})

test('a seed determines the sequence of faults', () => {
  const storm = (seed: string) => schedule(new Random(seed), 50, 2, faultKinds({ database: true }))
  assert.deepEqual(storm('1'), storm('1'))
  assert.notDeepEqual(storm('1'), storm('2'))
})

test('the frame reader finds the frames of a server no matter how the stream is split', () => {
  const message = (text: string) => {
    const length = Buffer.byteLength(text)
    const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
    head[0] = 0x81
    head[1] = length < 126 ? length : length < 65_536 ? 126 : 127
    if (head.length === 4) head.writeUInt16BE(length, 2)
    if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
    return Buffer.concat([head, Buffer.from(text)])
  }
  const texts = ['{}', 'ä'.repeat(100), 'x'.repeat(70_000)]
  const stream = Buffer.concat([Buffer.from('HTTP/1.1 101 ok\r\n\r\n'), ...texts.map(message)])
  for (const step of [1, 7, stream.length]) {
    const reader = new FrameReader()
    const frames = []
    for (let at = 0; at < stream.length; at += step)
      frames.push(...reader.push(stream.subarray(at, at + step)))
    assert.deepEqual(
      frames.flatMap(({ text }) => text ?? []),
      texts,
    )
    assert.deepEqual(Buffer.concat(frames.map(({ bytes }) => bytes)), stream)
  }
})

test('the output of a supervised process is reported separately for each start', async (t) => {
  const dir = tempDir(t)
  const said: string[] = []
  const process = new Supervised({
    name: 'x',
    uid: undefined,
    command: ['/bin/sh', '-c', 'echo "start $(cat starts 2>/dev/null | wc -l)"; echo >>starts; exit 1'],
    env: { PATH: '/usr/bin:/bin' },
    cwd: dir,
    log: join(dir, 'log'),
    pause: () => 0,
    crashed: () => said.push(process.words().trim()),
  })
  process.start()
  await until(() => said.length >= 2, { what: 'the second end' })
  await process.stop('SIGTERM')
  assert.deepEqual(said.slice(0, 2), ['start 0', 'start 1'])
})
