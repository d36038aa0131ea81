import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock } from './clock.ts'

/** Interval between checks, in ms. */
const CHECK_MS = 5_000
/**
 * Maximum CPU time of an idle process in an interval, in ms. A hub and a daemon in one process use 20 to 40 ms on
 * a busy machine.
 */
const IDLE_CPU_MS = 50
/** Growth of the process after which a collection may free memory, in bytes. */
const GROWTH_BYTES = 8 * 1024 * 1024

/**
 * Makes V8 collect garbage whenever this process has become idle after it grew, as it does during the start: V8
 * collects only when a process allocates memory, so an idle process would keep its garbage.
 */
export function collectWhenIdle(clock: Clock) {
  const cpuMs = () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  let usedMs = cpuMs()
  let settledBytes = 0
  const check = () => {
    const isIdle = cpuMs() - usedMs <= IDLE_CPU_MS
    if (isIdle && process.memoryUsage.rss() > settledBytes + GROWTH_BYTES) {
      collect()
      settledBytes = process.memoryUsage.rss()
    }
    usedMs = cpuMs()
    clock.setTimeout(check, CHECK_MS).unref()
  }
  clock.setTimeout(check, CHECK_MS).unref()
}

/**
 * Collects all garbage. This stops the process for about as long as V8's own collections. V8 then shrinks the heap
 * within some seconds.
 */
function collect() {
  // Only contexts that are created while this flag is set contain the function.
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  gc()
}
