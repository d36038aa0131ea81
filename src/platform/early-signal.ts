import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** Interval between checks of whether a child handles signals, in ms. */
const LOOK_MS = 20
/** Maximum time until a child is assumed to handle signals, in ms. */
const START_MS = 5000

let kept: NodeJS.Signals | undefined

/**
 * Keeps a signal that asks this process to end, until the process can act on it. Without this, the signal
 * would kill this process or, in the first process of a container, have no effect. A second signal ends the
 * process at once.
 */
export function keepSignals() {
  for (const signal of SIGNALS) process.on(signal, keep)
  // A handler of SIGCONT shows in /proc that this process handles signals. A handler of SIGTERM would not
  // show it: every Node process has such a handler from its start.
  process.on('SIGCONT', () => {})
}

/** Returns the signal that has arrived so far. A signal is delivered in the next turn of the event loop. */
export async function signalSoFar(): Promise<NodeJS.Signals | undefined> {
  await new Promise(setImmediate)
  return kept
}

/**
 * Stops keeping signals. Call this only after installing other handlers.
 * @returns the signal that arrived; undefined if none did
 */
export function keptSignal(): NodeJS.Signals | undefined {
  for (const signal of SIGNALS) process.off(signal, keep)
  return kept
}

function keep(signal: NodeJS.Signals, number: number) {
  if (kept) process.exit(128 + number)
  kept = signal
}

/**
 * Returns a function that passes signals on to a new child, but only once the child handles signals: an
 * earlier signal would kill it.
 */
export function signalsTo(child: ChildProcess): (signal: NodeJS.Signals) => void {
  const started = performance.now()
  return function pass(signal) {
    if (performance.now() - started > START_MS || hears(child.pid)) child.kill(signal)
    else setTimeout(pass, LOOK_MS, signal)
  }
}

/**
 * Reports whether a process handles signals; also true if the system does not reveal this, or the process has
 * ended.
 */
function hears(pid: number | undefined): boolean {
  try {
    const [, caught] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return (
      caught === undefined || ((BigInt(`0x${caught}`) >> BigInt(constants.signals.SIGCONT - 1)) & 1n) === 1n
    )
  } catch {
    return true
  }
}
