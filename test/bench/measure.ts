import { readdirSync, readFileSync } from 'node:fs'

/**
 * Returns the monotonic clock in ms. The clock is the same in every process, so that times of different
 * processes can be compared.
 */
export function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

export const percentile = (values: number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (values: number[]) => percentile(values, 0.5)

/** Runs every contender once in each round, so that other load of the machine affects all of them. */
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

/**
 * Memory of a process in MB, as counted by the kernel. `pss` divides shared memory among its processes; `own`
 * is the anonymous part.
 */
export interface Memory {
  rss: number
  pss: number
  own: number
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024
  return { rss: field('Rss'), pss: field('Pss'), own: field('Anonymous') }
}

/** Returns the CPU time that a process and its threads have used so far, in ms. */
export function processorMs(pid: number): number {
  let ns = 0
  for (const thread of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  return ns / 1e6
}
