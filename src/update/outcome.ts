import { onConfirmed } from '../config/once-confirmed.ts'
import { isoTime } from '../platform/clock.ts'
import type { UpdateFailure } from './failure.ts'
import type { UpdatesOptions } from './options.ts'
import { clearAfter, failedRecord, resultOf } from './record.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { confirm } from './switch/confirmed.ts'
import { hasStandIn, keepNext, putBack } from './switch/place.ts'
import { tidy, tidyBack } from './switch/tidy.ts'

type Options = Pick<UpdatesOptions, 'stateDir' | 'clock' | 'logger' | 'onSettled'>

/**
 * Carries out the end of an update. For each decision, first records it, then changes the program, and
 * finally reports to the server.
 */
export class Outcome {
  readonly #keeper: RecordKeeper
  readonly #options: Options

  constructor(keeper: RecordKeeper, options: Options) {
    this.#keeper = keeper
    this.#options = options
  }

  /** Makes the version on trial the installed one. */
  succeed() {
    const { origin, from, to, trial } = this.#keeper.record
    if (trial && hasStandIn(trial)) keepNext(trial)
    onConfirmed()
    // A server that has ordered this update has welcomed the previous version: a daemon accepts orders only
    // after the server's welcome.
    this.remember(from, { welcomed: origin === 'server', program: trial?.previous })
    this.#keeper.writeAnyway({ outcome: 'succeeded', finished_at: this.#now() })
    this.#options.logger.info({ from, to }, 'updated')
    this.settle()
  }

  /** Ends a failed update: `revert`, then `settle`. @param tell false if the caller reports the failure */
  fail(failure: UpdateFailure, { tell = true } = {}) {
    this.revert(failure)
    this.settle({ tell })
  }

  /**
   * Puts the previous version back. Records the failure first, because a trial that is undone without a
   * record would look like a success.
   */
  revert({ error }: UpdateFailure) {
    const { record } = this.#keeper
    this.#options.logger.error({ from: record.from, to: record.to, error }, 'update failed')
    this.#keeper.writeAnyway(failedRecord(record, error, this.#now()))
    this.putBack()
  }

  /** Puts the previous version back if the stand-in is still in the program's place. */
  putBack() {
    const { trial } = this.#keeper.record
    if (trial && hasStandIn(trial)) putBack(trial)
  }

  /** Puts the previous version back after a failure that is recorded already, and settles the update. */
  finishReverting() {
    this.putBack()
    this.settle()
  }

  /** Cleans up, and reports the result. */
  settle({ tell = true } = {}) {
    const { record } = this.#keeper
    const { trial, outcome, command_id, origin, error } = record
    this.#tryTo(() => {
      if (trial && !hasStandIn(trial)) (outcome === 'succeeded' ? tidy : tidyBack)(trial)
    })
    this.#keeper.writeAnyway({ settled: true })
    this.clear()
    if (!tell || origin !== 'server') return
    const of = { type: 'daemon:update:result', command_id } as const
    this.#options.onSettled(error ? { ...of, ok: false, error } : { ...of, ok: true, ...resultOf(record) })
  }

  /** Removes the files of a settled update. */
  clear() {
    this.#tryTo(() => clearAfter(this.#options.stateDir, this.#keeper.record))
  }

  /**
   * Records that a version has run on this machine. @param ran `program` is a copy of the version's program;
   * undefined if it is not certain that this program has run
   */
  remember(version: string, ran: { welcomed: boolean; program?: string | undefined }) {
    const { stateDir, logger } = this.#options
    confirm(stateDir, { version, at: this.#now(), ...ran }).catch((problem) =>
      logger.warn({ err: problem, version }, 'failed to record a confirmed version'),
    )
  }

  /** Cleans up. If the cleanup fails, the next update or daemon cleans up. */
  #tryTo(cleanUp: () => void) {
    try {
      cleanUp()
    } catch (problem) {
      this.#options.logger.warn({ err: problem }, 'failed to clean up after the update')
    }
  }

  #now() {
    return isoTime(this.#options.clock.now())
  }
}
