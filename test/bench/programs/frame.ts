/**
 * Reads a frame repeatedly: `frame.ts NAME WAY ROUNDS`. Prints the cost of a round: CPU time in ms, and peak
 * memory in MB without the frame itself.
 */
import { parseFromDaemon, parseFromServer } from '../../../src/protocol/index.ts'
import { FRAMES } from '../frame-samples.ts'

const [, , name = '', way = '', rounds = '1'] = process.argv
const sample = FRAMES.find((one) => one.name === name)!
const frame = Buffer.from(sample.text())
const read = sample.from === 'daemon' ? parseFromDaemon : parseFromServer

const ways: Record<string, () => unknown> = {
  read: () => read(frame),
  parse: () => JSON.parse(frame.toString('utf8')),
  scan: () => {
    let sum = 0
    for (let at = 0; at < frame.length; at++) sum += frame[at]!
    return sum
  },
}
const run = ways[way]!
global.gc?.()
const before = process.memoryUsage().rss
// Run several times, so that the peak includes V8's first garbage collection, which copies the surviving
// objects.
for (let n = 0; n < 3; n++) run()
const peak = process.resourceUsage().maxRSS / 1024 - before / 1024 / 1024
const times: number[] = []
for (let round = 0; round < Number(rounds); round++) {
  const start = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(start)
  times.push((user + system) / 1000)
}
times.sort((a, b) => a - b)
console.log(
  JSON.stringify({
    ms: times[Math.floor(times.length / 2)],
    mb: Math.max(0, peak),
    size: frame.length / 1024 / 1024,
  }),
)
