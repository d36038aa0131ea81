import type { CommandError } from '../protocol/index.ts'
import { isItsFault, publicRecord, type UpdateRecord } from '../update/record.ts'
import type { Health } from './health.ts'

/** Reports problems with updates as part of the machine's condition. */
export class UpdateHealth {
  readonly #health: Pick<Health, 'setUpdate' | 'report' | 'clear'>
  /**
   * Error of the last search for a newer version. If an update has failed, the failed update is reported
   * instead.
   */
  #blind: CommandError | undefined
  #failed: { to: string; error: CommandError } | undefined

  constructor(health: Pick<Health, 'setUpdate' | 'report' | 'clear'>) {
    this.#health = health
  }

  /** Handles a change in the record of the last update. */
  onUpdate(record: UpdateRecord) {
    const { outcome, origin, error, to = record.requested } = record
    this.#health.setUpdate(publicRecord(record))
    if (outcome === 'succeeded') this.#failed = undefined
    // A user who orders an update sees whether it fails. The machine's status reports a failure if no user
    // ordered the update, or if the new version caused the failure.
    const unheard = origin === 'schedule' || origin === 'refusal'
    if (outcome === 'failed' && error && (unheard || isItsFault(error))) this.#failed = { to, error }
    this.#tell()
  }

  /**
   * Handles the end of a scheduled search for a newer version.
   * @param error error of the search, if the search failed
   */
  onLooked(error?: CommandError) {
    this.#blind = error
    this.#tell()
  }

  #tell() {
    if (this.#failed) {
      const { to, error } = this.#failed
      this.#health.report('update_failed', {
        severity: 'warning',
        message: `The update to ${to} failed. ${error.message}`,
        remedy: error.remedy ?? 'Update to another version.',
      })
    } else if (this.#blind) {
      const { message, remedy } = this.#blind
      this.#health.report('update_failed', {
        severity: 'warning',
        message: `This machine could not look for a newer version. ${message}`,
        ...(remedy !== undefined && { remedy }),
      })
    } else this.#health.clear('update_failed')
  }
}
