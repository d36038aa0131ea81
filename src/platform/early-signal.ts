import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** Between two checks of whether a child hears signals. */
const LOOK_MS = 20
/** From a child's start until it is assumed to hear them. */
const START_MS = 5000

let kept: NodeJS.Signals | undefined

/**
 * Keeps a signal that asks this process to end until it can act on it: by default it would be killed or, as the first
 * process of a container, hear nothing. A second signal ends the process at once.
 */
export function keepSignals() {
  for (const signal of SIGNALS) process.on(signal, keep)
  // Shows in /proc that signals are heard. SIGTERM cannot show it: every Node has a handler for it from its start.
  process.on('SIGCONT', () => {})
}

/** The signal that has come so far. A signal is heard in the next turn of the event loop. */
export async function signalSoFar(): Promise<NodeJS.Signals | undefined> {
  await new Promise(setImmediate)
  return kept
}

/** Ends the keeping. The caller's own handlers are in place by then. @returns the signal that came, if any */
export function keptSignal(): NodeJS.Signals | undefined {
  for (const signal of SIGNALS) process.off(signal, keep)
  return kept
}

function keep(signal: NodeJS.Signals, number: number) {
  if (kept) process.exit(128 + number)
  kept = signal
}

/** Passes signals on to a child that was just started, once it hears them: before that, they would kill it. */
export function signalsTo(child: ChildProcess): (signal: NodeJS.Signals) => void {
  const started = performance.now()
  return function pass(signal) {
    if (performance.now() - started > START_MS || hears(child.pid)) child.kill(signal)
    else setTimeout(pass, LOOK_MS, signal)
  }
}

/** Also true where the system does not say, and of a process that has ended. */
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
