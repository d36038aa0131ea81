import { readdirSync, readFileSync } from 'node:fs'

/** Ms of the machine's monotonic clock: the same in every process, which is what latencies between them need. */
export function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

export const percentile = (values: number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (values: number[]) => percentile(values, 0.5)

/** Runs every contender once a round, so that what else the machine does falls on all of them. */
export async function interleaved<N extends string, R>(
  rounds: number,
  contenders: Record<N, () => Promise<R>>,
): Promise<Record<N, R[]>> {
  const results = Object.fromEntries(Object.keys(contenders).map((name) => [name, []])) as unknown as Record<
    N,
    R[]
  >
  for (let round = 0; round < rounds; round++)
    for (const name of Object.keys(contenders) as N[]) results[name].push(await contenders[name]())
  return results
}

/** Memory of a process in MB, as the kernel counts it. `pss` shares out what several processes have in common. */
export function memoryOf(pid: number): { rss: number; pss: number; own: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024
  return { rss: field('Rss'), pss: field('Pss'), own: field('Anonymous') }
}

/** Ms of processor time that a process, with all its threads, has used so far. */
export function processorMs(pid: number): number {
  let ns = 0
  for (const thread of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  return ns / 1e6
}
