import type { CommandError } from '../protocol/index.ts'
import { isItsFault, publicRecord, type UpdateRecord } from '../update/record.ts'
import type { Health } from './health.ts'

/** What updates mean for the machine's condition. */
export class UpdateHealth {
  readonly #health: Pick<Health, 'updated' | 'report' | 'clear'>
  /** That no newer version could be looked for, which the last update, if it failed, goes before. */
  #blind: CommandError | undefined
  #failed: { to: string; error: CommandError } | undefined

  constructor(health: Pick<Health, 'updated' | 'report' | 'clear'>) {
    this.#health = health
  }

  /** The record of the last update has changed. */
  updated(record: UpdateRecord) {
    const { outcome, origin, error, to = record.requested } = record
    this.#health.updated(publicRecord(record))
    if (outcome === 'succeeded') this.#failed = undefined
    // Whoever ordered it hears of it; what is wrong with the version, or nobody ordered, is the machine's condition.
    const unheard = origin === 'schedule' || origin === 'refusal'
    if (outcome === 'failed' && error && (unheard || isItsFault(error))) this.#failed = { to, error }
    this.#tell()
  }

  /** The schedule has asked the registry. @param error why it got no answer */
  looked(error?: CommandError) {
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
