import { readFileSync } from 'node:fs'
import type { TestPostgres } from '../support/postgres.ts'
import { type Running, Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import { giveKeys } from './hub-keys.ts'
import { monotonic, processorMs } from './measure.ts'

export type StoreKind = 'files' | 'PostgreSQL'

/** A hub with one kind of store, which can be started again and again. */
export class StoreStage {
  readonly stage: Stage
  readonly keyFile: string
  readonly #database: TestPostgres | undefined

  private constructor(stage: Stage, keyFile: string, database: TestPostgres | undefined) {
    this.stage = stage
    this.keyFile = keyFile
    this.#database = database
  }

  /** @param give puts files into the hub's folder. They are copied to the database if the store is one */
  static async open(
    t: Cleanup,
    server: TestPostgres,
    { kind, machines, give }: { kind: StoreKind; machines: number; give?: (stage: Stage) => void },
  ): Promise<StoreStage> {
    const stage = await Stage.open(t)
    const keyFile = giveKeys(stage, machines)
    give?.(stage)
    if (kind === 'files') return new StoreStage(stage, keyFile, undefined)
    const database = await server.create()
    const url = server.url(database)
    const copy = stage.run(['hub', 'store', 'migrate', '--from', `${stage.state}/hub`, '--to', url])
    if ((await copy.ended) !== 0) throw new Error(copy.log())
    stage.env.FOMULAR_HUB_STORE = url
    // PostgreSQL would do this work during the measurement.
    for (const work of ['vacuum analyze', 'checkpoint']) await server.query(database, work)
    return new StoreStage(stage, keyFile, server)
  }

  get url() {
    return `ws://127.0.0.1:${this.stage.port}`
  }

  /** Starts the hub. @returns the hub, and the time until it answers, in ms */
  async start(): Promise<{ hub: Running; ms: number }> {
    const began = monotonic()
    const hub = await this.stage.hub()
    return { hub, ms: monotonic() - began }
  }

  async stop(hub: Running): Promise<void> {
    hub.kill('SIGTERM')
    await hub.ended
  }

  /** Returns the CPU time that the hub and its database have used, in ms. */
  processorMs(hub: Running): number {
    const processes = [hub.pid, ...(this.#database ? familyOf(this.#database.pid) : [])]
    return processes.reduce((sum, pid) => sum + processorMs(pid), 0)
  }
}

/** Returns a process and its children. */
function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return [pid, ...children.split(' ').filter(Boolean).map(Number)]
}
