import { existsSync } from 'node:fs'
import { CommandFailure } from '../agents/failure.ts'
import type { Runtime } from '../protocol/index.ts'
import type { Health } from './health.ts'

const isUsable = (runtime: Runtime | undefined): runtime is Runtime & { path: string } =>
  runtime?.path !== undefined && runtime.problem === undefined && existsSync(runtime.path)

/** What an agent needs to be started on this machine: its program, and room. */
export class Admission {
  readonly #health: Health
  #probed: Promise<void> | undefined

  constructor(health: Health) {
    this.#health = health
  }

  /** Looked for anew by every daemon, but not before it is connected: that costs a few hundred milliseconds of work. */
  runtimesKnown(): Promise<void> {
    this.#probed ??= this.#health.probe()
    return this.#probed
  }

  /** Path of a runtime's program. @throws CommandFailure when it cannot be used */
  async program(name: string): Promise<string> {
    await this.runtimesKnown()
    // Somebody may just have installed, mended or removed it.
    if (!isUsable(this.#health.runtime(name))) await this.#health.probe()
    const runtime = this.#health.runtime(name)
    if (isUsable(runtime)) return runtime.path
    const message =
      runtime?.problem ??
      `The program of ${name} is gone${runtime?.path ? ` from ${runtime.path}` : ''}. Install it again.`
    throw new CommandFailure('runtime_missing', message, { path: 'spec.runtime' })
  }

  /** @throws CommandFailure while no new agent may be started */
  checkRoom() {
    if (this.#health.acceptsAgents) return
    const message = 'The disk of this machine is nearly full: it starts no new agents.'
    throw new CommandFailure('disk_full', message, { remedy: 'Make room on the disk with the state folder.' })
  }
}
