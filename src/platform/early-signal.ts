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
 * Keeps a signal that asks this process to end until it can act on it: by default, the signal would kill it or,
 * if it is the first process of a container, be ignored. A second signal ends the process at once.
 */
export function keepSignals() {
  for (const signal of SIGNALS) process.on(signal, keep)
  // Shows in /proc that signals are handled. SIGTERM cannot show it: every Node process handles it from the
  // start.
  process.on('SIGCONT', () => {})
}

/** Returns the signal that has arrived so far. A signal is delivered in the next turn of the event loop. */
export async function signalSoFar(): Promise<NodeJS.Signals | undefined> {
  await new Promise(setImmediate)
  return kept
}

/**
 * Stops keeping signals; the caller must have installed its own handlers.
 * @returns the signal that arrived, if any
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
 * Returns a function that passes signals on to a new child, once it handles them: earlier, they would kill
 * it.
 */
export function signalsTo(child: ChildProcess): (signal: NodeJS.Signals) => void {
  const started = performance.now()
  return function pass(signal) {
    if (performance.now() - started > START_MS || hears(child.pid)) child.kill(signal)
    else setTimeout(pass, LOOK_MS, signal)
  }
}

/** Also returns true if the system does not say, or the process has ended. */
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
