import type { Stage } from './failure.ts'
import type { UpdatesOptions } from './options.ts'
import { readRecord, type UpdateRecord, writeRecord } from './record.ts'

type Options = Pick<UpdatesOptions, 'stateDir' | 'logger' | 'onProgress' | 'onChange'>

/** The record of the last update, in memory and in `update.json`. */
export class RecordKeeper {
  readonly #options: Options
  #record: UpdateRecord | undefined

  constructor(options: Options) {
    this.#options = options
    this.#record = readRecord(options.stateDir)
  }

  /** The record of the last update; undefined if there was none. */
  get last(): UpdateRecord | undefined {
    return this.#record
  }

  /** The record of the current update. Read this only after an update has begun. */
  get record(): UpdateRecord {
    return this.#record!
  }

  /** Begins another update. @throws the system's error */
  begin(record: UpdateRecord) {
    this.#record = record
    this.write({})
  }

  /** @throws the system's error */
  write(changed: Partial<UpdateRecord>) {
    this.#record = { ...this.record, ...changed }
    writeRecord(this.#options.stateDir, this.#record)
    this.#options.onChange(this.#record)
  }

  /**
   * Records a decision that was already made. A full disk must not undo the decision. If the record is
   * missing, the next daemon decides again.
   */
  writeAnyway(changed: Partial<UpdateRecord>) {
    try {
      this.write(changed)
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'failed to record the state of the update')
    }
  }

  /**
   * Records a stage before reporting it, so that the next process knows the stage even if this process is
   * killed.
   * @throws the system's error
   */
  reach(stage: Stage, message?: string) {
    this.write({ stage, message })
    this.#options.logger.debug({ command_id: this.record.command_id, stage }, 'update stage reached')
    this.tell()
  }

  /** Reports the recorded stage to the server if the server ordered the update. */
  tell() {
    const { origin, command_id, stage, message } = this.record
    if (origin === 'server') this.#options.onProgress(command_id, stage, message)
  }

  /** Records a problem that does not stop the update. @throws the system's error */
  warn(message: string) {
    this.#options.logger.warn(message)
    this.write({ warnings: [...(this.record.warnings ?? []), message] })
  }
}
