import { existsSync } from 'node:fs'
import { CommandFailure } from '../agents/command-failure.ts'
import type { Runtime } from '../protocol/index.ts'
import type { Health } from './health.ts'

const isUsable = (runtime: Runtime | undefined): runtime is Runtime & { path: string } =>
  runtime?.path !== undefined && runtime.problem === undefined && existsSync(runtime.path)

/**
 * Checks that an agent can be started on this machine: that its program is usable, and that there is disk
 * space.
 */
export class Admission {
  readonly #health: Health
  #probed: Promise<void> | undefined

  constructor(health: Health) {
    this.#health = health
  }

  /**
   * Probes the runtimes once. Called after the daemon has connected, because probing takes a few hundred
   * milliseconds.
   */
  runtimesKnown(): Promise<void> {
    this.#probed ??= this.#health.probe()
    return this.#probed
  }

  /** Returns the path of a runtime's program. @throws CommandFailure if the program is unusable */
  async program(name: string): Promise<string> {
    await this.runtimesKnown()
    // Probe again, because the program may have been installed, repaired, or removed since the last probe.
    if (!isUsable(this.#health.runtime(name))) await this.#health.probe()
    const runtime = this.#health.runtime(name)
    if (isUsable(runtime)) return runtime.path
    const message =
      runtime?.problem ??
      `The program of ${name} no longer exists${runtime?.path ? ` at ${runtime.path}` : ''}. Install it again.`
    throw new CommandFailure('runtime_missing', message, { path: 'spec.runtime' })
  }

  /** Checks that there is disk space for a new agent. @throws CommandFailure */
  checkRoom() {
    if (this.#health.acceptsAgents) return
    const message = 'The disk of this machine is nearly full, so the machine starts no new agents.'
    throw new CommandFailure('disk_full', message, {
      remedy: 'Free space on the disk with the state folder.',
    })
  }
}
