import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Cleanup } from '../support/temp.ts'

/** Runs with separate cleanups, so that the next run finds a quiet machine. */
export async function inTurn<R>(t: Cleanup, run: (own: Cleanup) => Promise<R>): Promise<R> {
  const cleanups: (() => void | Promise<void>)[] = []
  const clear = async () => {
    for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup()
  }
  t.after(clear)
  try {
    return await run({ after: (fn) => cleanups.push(fn) })
  } finally {
    await clear()
  }
}

/** Returns a program's report of the time since its last report. */
export async function report<R>(program: ChildProcess): Promise<R> {
  const reply = once(program, 'message')
  program.send('report')
  return (await reply)[0] as R
}

/** Starts a program of the benchmark. */
export function start(t: Cleanup, name: string, argument: string): ChildProcess {
  const child = fork(fileURLToPath(new URL(`programs/${name}`, import.meta.url)), [argument])
  t.after(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  return child
}
