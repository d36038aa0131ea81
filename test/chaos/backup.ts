import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ProcessIdentity, sendSignal } from '../../src/platform/process-identity.ts'
import { findByEnvironment } from '../../src/platform/process-list.ts'
import { MACHINE_MARK } from './users.ts'

const STEP_MS = 5
/** Maximum time until all processes have stopped, in milliseconds: a process that waits for a disk stops late. */
const PATIENCE_MS = 2000

const stateOf = (pid: number) => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat[stat.lastIndexOf(')') + 2]
  } catch {
    return undefined
  }
}

const isStopped = ({ pid }: ProcessIdentity) => ['T', 't', 'Z', 'X', undefined].includes(stateOf(pid))

/** Stops every process of a machine, including new ones. @returns the processes */
async function standStill(folder: string): Promise<ProcessIdentity[]> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const there = findByEnvironment(MACHINE_MARK, folder)
    const busy = there.filter((process) => !isStopped(process))
    if (busy.length === 0 || performance.now() > deadline) return there
    for (const process of busy) sendSignal(process, 'SIGSTOP')
    await sleep(STEP_MS)
  }
}

/** A copy of a machine's state folder at one moment. */
export class Backup {
  readonly #path: string
  readonly #folder: string

  /** @param folder folder of the machine */
  constructor(folder: string) {
    this.#folder = folder
    this.#path = join(folder, 'backup')
  }

  get exists() {
    return existsSync(this.#path)
  }

  /**
   * Copies the state folder while all processes of the machine are stopped, like a snapshot.
   * @returns true if the folder could be copied
   */
  async take(state: string): Promise<boolean> {
    const stopped = await standStill(this.#folder)
    try {
      rmSync(this.#path, { recursive: true, force: true })
      execFileSync('cp', ['-a', state, this.#path], { stdio: 'ignore' })
      return true
    } catch {
      rmSync(this.#path, { recursive: true, force: true })
      return false
    } finally {
      for (const process of stopped) sendSignal(process, 'SIGCONT')
    }
  }

  /** Replaces the state folder with the copy. The machine must have no processes. */
  restore(state: string) {
    for (const name of readdirSync(state)) rmSync(join(state, name), { recursive: true })
    execFileSync('cp', ['-a', `${this.#path}/.`, state])
  }
}
