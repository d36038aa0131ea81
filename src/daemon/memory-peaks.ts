import * as z from 'zod/mini'
import type { Agent } from '../agents/agent.ts'
import { readJson, writeAtomic } from '../platform/files.ts'

const MIB = 1024 * 1024
/**
 * Expected memory use of an agent if too few agents were observed, in bytes. A runtime usually takes 200 to
 * 300 MB.
 */
const PRIOR_BYTES = 300 * MIB
/** If at least this number of agents was observed, `PRIOR_BYTES` is not used. */
const ENOUGH = 3
/** Maximum number of agents whose memory use is recorded for each runtime; older agents are dropped. */
const KEPT = 50
/**
 * Share of the observed agents that use no more than the expected memory. The share is below 1, so that a
 * single agent with a very high use does not delay all starts.
 */
const SHARE = 0.9
/** Maximum share of the machine's memory that one agent is expected to use. */
const MOST_SHARE = 1 / 4
/**
 * Minimum time between two observations, in ms. The interval is long because each observation reads all
 * processes on the machine.
 */
const INTERVAL_MS = 60_000
/** Maximum number of runtimes in the record. */
const RUNTIMES = 100

/** `memory.json` in the state folder: the highest memory use of the newest agents, in bytes, by runtime. */
const PeaksRecord = z.object({
  version: z.literal(1),
  peaks: z
    .record(z.string(), z.array(z.number()).check(z.maxLength(KEPT)))
    .check(z.refine((all) => Object.keys(all).length <= RUNTIMES)),
})

export interface MemoryPeaksOptions {
  path: string
  totalBytes: number
  /** Returns the memory of processes with all their descendants, in bytes. */
  memoryOf(pids: readonly number[]): Map<number, number>
  /** Monotonic time, in ms. */
  monotonic(): number
}

/** Learns how much memory the agents of each runtime use. */
export class MemoryPeaks {
  readonly #options: MemoryPeaksOptions
  /** Highest memory use, in bytes, of each agent that an earlier daemon observed, by runtime. */
  readonly #earlier: Record<string, number[]>
  /** Highest memory use of each observed run, the oldest run first. */
  readonly #runs = new Map<string, { runtime: string; bytes: number }>()
  /** Runs at the last observation. */
  #before = new Set<string>()
  #observed = Number.NEGATIVE_INFINITY

  constructor(options: MemoryPeaksOptions) {
    this.#options = options
    const read = readJson(options.path, PeaksRecord)
    this.#earlier = read.ok ? read.value.peaks : {}
  }

  /** Returns the memory that an agent of a runtime is expected to use, in bytes. */
  peakOf(runtime: string): number {
    const peaks = this.#peaksOf(runtime).sort((a, b) => a - b)
    const usual = peaks[Math.ceil(SHARE * peaks.length) - 1] ?? 0
    const expected = peaks.length < ENOUGH ? Math.max(PRIOR_BYTES, usual) : usual
    return Math.min(expected, this.#options.totalBytes * MOST_SHARE)
  }

  /** Measures the memory of the running agents, unless it was measured within `INTERVAL_MS`. */
  observe(agents: Iterable<Agent>) {
    const { memoryOf, monotonic } = this.#options
    if (monotonic() - this.#observed < INTERVAL_MS) return
    // Leave out agents that are still starting, because they do not use all their memory yet.
    const running = [...agents].flatMap((agent) => {
      const pid = agent.hasEnded || !agent.isReady ? undefined : agent.process?.agent.pid
      return pid === undefined ? [] : [{ agent, pid }]
    })
    if (running.length === 0) return
    this.#observed = monotonic()
    const used = memoryOf(running.map(({ pid }) => pid))
    let isNew = false
    // An agent counts from its second observation on, because a new agent does not use all its memory yet.
    for (const { agent, pid } of running.filter((each) => this.#before.has(keyOf(each.agent))))
      isNew = this.#note(agent, used.get(pid) ?? 0) || isNew
    this.#before = new Set(running.map(({ agent }) => keyOf(agent)))
    if (isNew) this.#save()
  }

  /** @returns whether the peak has grown */
  #note(agent: Agent, bytes: number): boolean {
    const key = keyOf(agent)
    const known = this.#runs.get(key)
    if (bytes <= (known?.bytes ?? 0)) return false
    this.#runs.set(key, { runtime: agent.record.spec.runtime, bytes })
    const [oldest] = this.#runs.keys()
    if (this.#runs.size > KEPT * ENOUGH && oldest !== undefined) this.#runs.delete(oldest)
    return true
  }

  #peaksOf(runtime: string): number[] {
    const current = [...this.#runs.values()]
      .filter((run) => run.runtime === runtime)
      .map(({ bytes }) => bytes)
    return [...(this.#earlier[runtime] ?? []), ...current].slice(-KEPT)
  }

  #save() {
    const runtimes = new Set([
      ...Object.keys(this.#earlier),
      ...[...this.#runs.values()].map(({ runtime }) => runtime),
    ])
    const peaks = Object.fromEntries([...runtimes].map((runtime) => [runtime, this.#peaksOf(runtime)]))
    try {
      writeAtomic(this.#options.path, JSON.stringify({ version: 1, peaks }))
    } catch {
      // The disk is full. The next daemon observes the agents again.
    }
  }
}

/** Identifies a run of an agent. */
const keyOf = ({ id, run }: Agent) => `${id} ${run.run}`
