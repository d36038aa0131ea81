import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Cleanup } from '../support/temp.ts'
import type { Benchmark, Options } from './benchmark.ts'
import type { Figure } from './figure.ts'
import { stampedLine } from './line.ts'
import { interleaved, median, monotonic, percentile } from './measure.ts'
import { Rig } from './rig.ts'

const LINE_BYTES = 300
/**
 * Each of many agents writes at the rate of Claude Code, which writes its deltas as one line every 100 ms. An
 * agent that is measured alone writes faster.
 */
const LINES_PER_S = { alone: 100, many: 10 }
/** Time between two rounds of writing, in milliseconds. */
const STEP_MS = 5
/** Size of a write if the rate is not limited. */
const BATCH_BYTES = 60_000

/**
 * Time from an agent's write(2) until the receiver has the line. The daemon's agents have real launchers. The
 * benchmark itself appends lines to their journals, with O_APPEND like an agent. The floor reads an equal
 * number of pipes, to which the benchmark writes in the same way, and sends each line immediately. The
 * receiver handles both in the same way, but acknowledges only the daemon's frames.
 */
export const flow: Benchmark = {
  name: 'flow',
  about:
    'latency and throughput from agent to server, compared with a program that only copies pipes to ws.send',
  async run(t, options) {
    const figures: Figure[] = []
    for (const agents of options.quick ? [1, 5] : [1, 50, 500])
      figures.push(...(await withAgents(t, options, agents)))
    return figures
  },
}

/** The destination of an agent's output. */
interface Sink {
  line(text: string): void
  /** Writes a text `times` times, as fast as possible. */
  flood(text: string, times: number): Promise<void>
  close(): void
}

export function journalSink(path: string): Sink {
  const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND)
  return {
    line: (text) => void writeSync(fd, text),
    async flood(text, times) {
      for (let n = 0; n < times; n++) {
        writeSync(fd, text)
        await new Promise(setImmediate)
      }
    },
    close: () => closeSync(fd),
  }
}

function pipeSink(path: string): Sink {
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const socket = new Socket({ fd, readable: false, writable: true })
  return {
    line: (text) => void writeSync(fd, text),
    async flood(text, times) {
      for (let n = 0; n < times; n++)
        if (!socket.write(text)) await new Promise((resolve) => socket.once('drain', resolve))
    },
    close: () => socket.destroy(),
  }
}

async function withAgents(t: Cleanup, { quick, say }: Options, agents: number): Promise<Figure[]> {
  const rig = await Rig.open(t)
  await rig.daemon()
  say(`starting ${agents} agents`)
  const folders = await rig.agents(agents)
  const pipes = folders.map((_, n) => join(rig.dir, `pipe-${n}`))
  const bytePipes = folders.map((_, n) => join(rig.dir, `bytes-${n}`))
  execFileSync('mkfifo', [...pipes, ...bytePipes])
  await rig.forwarder('lines', pipes)
  await rig.forwarder('chunks', bytePipes)
  const sinks = {
    floor: pipes.map(pipeSink),
    chunks: bytePipes.map(pipeSink),
    daemon: folders.map((folder) => journalSink(join(folder, 'activity.jsonl'))),
  }
  t.after(() => {
    for (const sink of Object.values(sinks).flat()) sink.close()
  })
  const rate = agents === 1 ? LINES_PER_S.alone : agents * LINES_PER_S.many
  const seconds = quick ? 0.3 : 3
  say(`${rate} lines/s`)
  const paced = await interleaved(quick ? 1 : 5, {
    floor: () => pace(rig, sinks.floor, rate, seconds),
    daemon: () => pace(rig, sinks.daemon, rate, seconds),
  })
  say('without a limit on the rate')
  const megabytes = quick ? 1 : 32
  const flooded = await interleaved(quick ? 1 : 5, {
    floor: () => flood(rig, sinks.floor, megabytes),
    chunks: () => flood(rig, sinks.chunks, megabytes),
    daemon: () => flood(rig, sinks.daemon, megabytes),
  })

  const ms = (contender: 'floor' | 'daemon', share: number) =>
    median(paced[contender].map((latencies) => percentile(latencies, share)))
  const name = (what: string) => `${what}, ${agents} agent${agents === 1 ? '' : 's'}`
  const of = 'lines from pipes to ws.send'
  return [
    {
      name: name('latency p50'),
      value: ms('daemon', 0.5),
      unit: 'ms',
      floor: { value: ms('floor', 0.5), of },
      goal: { at: 'most', limit: 1.2 },
    },
    {
      name: name('latency p99'),
      value: ms('daemon', 0.99),
      unit: 'ms',
      floor: { value: ms('floor', 0.99), of },
      goal: { at: 'most', limit: 1.5 },
    },
    {
      name: name('throughput'),
      value: median(flooded.daemon),
      unit: 'MB/s',
      floor: { value: median(flooded.floor), of },
      goal: { at: 'least', limit: 0.9 },
    },
    {
      name: name('throughput against unread bytes'),
      value: median(flooded.daemon),
      unit: 'MB/s',
      floor: { value: median(flooded.chunks), of: 'bytes from pipes to ws.send' },
    },
  ]
}

/** Writes lines at a steady rate, to all sinks in turn. @returns the latency of each line */
export async function pace(rig: Rig, sinks: Sink[], perSecond: number, seconds: number): Promise<number[]> {
  const total = Math.ceil(perSecond * seconds)
  const received = await rig.expect(total, true)
  const start = monotonic()
  for (let written = 0; written < total; ) {
    const due = Math.min(total, ((monotonic() - start) / 1000) * perSecond)
    for (; written < due; written++) sinks[written % sinks.length]!.line(stampedLine(monotonic(), LINE_BYTES))
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
  }
  return (await received()).latencies
}

/**
 * Writes lines as fast as possible.
 * @returns throughput in MB per second, from the first write until the last line is received
 */
export async function flood(rig: Rig, sinks: Sink[], megabytes: number): Promise<number> {
  const line = stampedLine(0, LINE_BYTES)
  const perBatch = Math.floor(Math.min(BATCH_BYTES, (megabytes * 1e6) / sinks.length) / line.length)
  const batch = line.repeat(perBatch)
  const times = Math.max(1, Math.round((megabytes * 1e6) / batch.length / sinks.length))
  const lines = perBatch * times * sinks.length
  const received = await rig.expect(lines)
  const start = monotonic()
  await Promise.all(sinks.map((sink) => sink.flood(batch, times)))
  const { at } = await received()
  return (lines * line.length) / 1e6 / ((at - start) / 1000)
}
