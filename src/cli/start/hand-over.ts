import { createRequire } from 'node:module'
import type { Invocation } from '../../daemon/relaunch.ts'
import { keptSignal } from '../../platform/early-signal.ts'
import { EXECUTABLE } from '../../platform/executable.ts'
import { VERSION } from '../../platform/version.ts'
import { handoverOf } from '../../update/switch/handover.ts'

/**
 * If an update could not replace this program and installed the new version in another folder, runs the new
 * version in this process.
 * @param strict ignore a program that another user owns or can change
 */
export async function handOver(stateDir: string, { argv, env }: Invocation, strict: boolean): Promise<void> {
  const [command, ...args] = argv
  const to = handoverOf(stateDir, command, VERSION, strict)
  if (to === undefined) return
  if (EXECUTABLE) return process.execve?.(to, [to, ...args], env)
  process.argv[1] = to
  const kept = keptSignal()
  createRequire(to)(to)
  if (kept) process.kill(process.pid, kept)
  // The other program ends the process.
  await new Promise<never>(() => {})
}
