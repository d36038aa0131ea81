import { EventEmitter } from 'node:events'
import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../platform/log.ts'
import type { Activity } from '../protocol/index.ts'
import { ActivityFile } from './activity-file.ts'

/** Files held open; more agents than this are rarely busy at once. */
const OPEN_FILES = 512

/** `offset`: taken. `resend`: the frame does not follow what is here; ask for what comes from there. */
export type Taken = { taken: true } | { taken: false; resend: number }

/**
 * Every agent's activity on disk. What was taken is reported by `onDurable` once the disk has it, many frames with one
 * sync: only then may it be acknowledged.
 */
export class ActivityStore {
  readonly #dir: string
  readonly #logger: Logger
  readonly #files = new Map<string, ActivityFile>()
  readonly #grown = new EventEmitter().setMaxListeners(0)
  readonly #onDurable: (agentId: string, offset: number) => void
  #unsynced = new Map<string, ActivityFile>()
  #syncing: Promise<void> | undefined

  constructor(dir: string, logger: Logger, onDurable: (agentId: string, offset: number) => void) {
    this.#dir = dir
    this.#logger = logger
    this.#onDurable = onDurable
    mkdirSync(dir, { recursive: true, mode: 0o700 })
  }

  /**
   * Takes a frame that follows what is here.
   * @param begin first byte that the agent's machine still has: a frame that starts there may leave a gap
   * @throws the file system's error, with nothing taken
   */
  take(frame: Activity, begin: number): Taken {
    const file = this.file(frame.agent_id)
    const { have } = file
    if (frame.to <= have) {
      // Already here, on disk or about to be.
      this.#sync(frame.agent_id, file)
      return { taken: true }
    }
    if (frame.from !== have && !(frame.from > have && frame.from === begin))
      return { taken: false, resend: have }
    file.append(frame)
    this.#sync(frame.agent_id, file)
    this.#grown.emit(frame.agent_id)
    return { taken: true }
  }

  file(agentId: string): ActivityFile {
    let file = this.#files.get(agentId)
    if (file) this.#files.delete(agentId)
    else {
      const dir = join(this.#dir, agentId)
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      file = new ActivityFile(join(dir, 'activity.jsonl'))
    }
    // Newest last: the first is the one used longest ago.
    this.#files.set(agentId, file)
    this.#closeOld()
    return file
  }

  have(agentId: string): number {
    return this.file(agentId).have
  }

  /** Calls `listener` when there is more. @returns a function that ends that */
  watch(agentId: string, listener: () => void): () => void {
    this.#grown.on(agentId, listener)
    return () => this.#grown.off(agentId, listener)
  }

  async remove(agentId: string) {
    await this.#syncing
    this.#files.get(agentId)?.close()
    this.#files.delete(agentId)
    await rm(join(this.#dir, agentId), { recursive: true, force: true })
  }

  async close() {
    while (this.#syncing) await this.#syncing
    for (const file of this.#files.values()) file.close()
    this.#files.clear()
  }

  #sync(agentId: string, file: ActivityFile) {
    this.#unsynced.set(agentId, file)
    this.#syncing ??= this.#syncAll().finally(() => {
      this.#syncing = undefined
    })
  }

  async #syncAll() {
    while (this.#unsynced.size > 0) {
      const batch = [...this.#unsynced].map(([agentId, file]) => ({ agentId, file, offset: file.have }))
      this.#unsynced = new Map()
      const synced = await Promise.allSettled(batch.map(({ file }) => file.sync()))
      for (const [index, { agentId, offset }] of batch.entries()) {
        const outcome = synced[index]!
        if (outcome.status === 'fulfilled') this.#onDurable(agentId, offset)
        else
          this.#logger.error(
            { agent_id: agentId, err: outcome.reason },
            'activity could not be synced to disk',
          )
      }
    }
  }

  #closeOld() {
    for (const [agentId, file] of this.#files) {
      if (this.#files.size <= OPEN_FILES) return
      if (this.#unsynced.has(agentId) || this.#syncing) continue
      this.#files.delete(agentId)
      file.close()
    }
  }
}
