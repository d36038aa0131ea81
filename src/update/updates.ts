import { randomUUID } from 'node:crypto'
import { isoTime, type Timer } from '../platform/clock.ts'
import type { Refuse } from '../protocol/index.ts'
import { changeVersion } from './change-version.ts'
import { asFailure, UpdateFailure } from './failure.ts'
import { look } from './fetch/available.ts'
import { checkEnabled } from './fetch/direction.ts'
import { type Action, nextStep } from './next-step.ts'
import { isOrdered, type UpdateRequest, type UpdatesOptions } from './options.ts'
import { Outcome } from './outcome.ts'
import { newRecord, resultOf, type UpdateResult } from './record.ts'
import { RecordKeeper } from './record-keeper.ts'
import { isOver, type Phase, type Stimulus, step } from './states.ts'
import { crashed, interrupted } from './switch/guard.ts'
import { hasStandIn } from './switch/place.ts'
import { worldOf } from './world.ts'

/**
 * The updates of this daemon. Only one update runs at a time. An update spans several processes, from the
 * order to the result.
 */
export class Updates {
  readonly #options: UpdatesOptions
  readonly #abort = new AbortController()
  readonly #keeper: RecordKeeper
  readonly #outcome: Outcome
  /** Phase of the current update; undefined if this process takes part in no update. */
  #phase: Phase | undefined
  #timeLimit: Timer | undefined

  constructor(options: UpdatesOptions) {
    this.#options = options
    this.#keeper = new RecordKeeper(options)
    this.#outcome = new Outcome(this.#keeper, options)
  }

  /** Continues the update that an earlier process began. */
  takeUp() {
    const record = this.#keeper.last
    if (!record) return
    const { stateDir, running, onChange } = this.#options
    const outcome = this.#outcome
    onChange(record)
    const steps: Record<Action, () => void> = {
      wait: () => {},
      try: () => this.#try(),
      succeed: () => outcome.succeed(),
      fail_interrupted: () => outcome.fail(interrupted(record)),
      fail_crashed: () => outcome.fail(crashed(record)),
      go_back: () => this.#goBack(),
      finish_reverting: () => outcome.finishReverting(),
      settle: () => outcome.settle(),
      clear: () => outcome.clear(),
    }
    steps[nextStep(record, worldOf(stateDir, running, record))]()
  }

  /**
   * Updates this daemon.
   * @returns the result; undefined if a later process will report it
   * @throws UpdateFailure
   */
  async run(request: UpdateRequest): Promise<UpdateResult | undefined> {
    const { running, supervised, policy, clock, restart } = this.#options
    const keeper = this.#keeper
    const before = keeper.last
    const again = before?.command_id === request.command_id ? before : undefined
    if (again?.outcome === 'succeeded') return resultOf(again)
    if (again?.error) throw UpdateFailure.of(again.error)
    if (again && this.#isBusy && this.#phase !== 'fetching') return undefined
    checkEnabled(policy, request.origin)
    if (isOrdered(request)) this.#options.orders.check(request.requested, request.origin)
    if (this.#isBusy)
      throw new UpdateFailure('update_running', 'resolve', 'An update is already in progress.', {
        remedy: 'Wait for its result.',
      })
    this.#phase = 'fetching'
    try {
      keeper.begin(newRecord(request, { running, supervised, at: isoTime(clock.now()) }, before))
      const entry = await changeVersion(request, {
        keeper,
        options: this.#options,
        signal: this.#abort.signal,
        onSwitched: () => void this.#on('switched'),
      })
      if (entry !== undefined) return void restart(entry)
      this.#on('present')
      return resultOf(keeper.record)
    } catch (error) {
      // The daemon is stopping. The next daemon continues the update.
      if (this.#abort.signal.aborted) return undefined
      this.#on('broken')
      this.#outcome.fail(asFailure(error, keeper.record.stage), { tell: false })
      this.#on('restored')
      throw UpdateFailure.of(keeper.record.error!)
    }
  }

  /** Looks up a version or a dist-tag in the registry. @throws UpdateFailure */
  async check(requested: string) {
    const { policy, started, stateDir } = this.#options
    const { argv, env } = started
    const [command] = argv
    const found = await look({ command, requested, policy, stateDir, env, signal: this.#abort.signal })
    return { ...found, bad: this.#isBad(found.available) }
  }

  /**
   * Updates without an order from a person or the server. Does not retry a version that failed on this
   * machine.
   */
  async runUnasked(origin: 'refusal' | 'schedule', requested: string): Promise<void> {
    if (this.#isBusy) return
    if (this.#isBad(requested)) {
      const why = 'this version has failed on this machine and is retried only on request'
      return this.#options.logger.warn({ version: requested }, why)
    }
    const command_id = `${origin}-${randomUUID()}`
    await this.run({ command_id, requested, allow_downgrade: false, origin }).catch((error) => {
      if (!(error instanceof UpdateFailure)) throw error
    })
  }

  /** Called when the server has welcomed this daemon. */
  onWelcomed() {
    this.#outcome.remember(this.#options.running, { welcomed: true })
    const { trial } = this.#keeper.last ?? {}
    const isUndone = this.#phase === 'on_trial' && trial && !hasStandIn(trial)
    const phase = this.#on(isUndone ? 'guard_gave_up' : 'welcomed')
    if (phase === 'confirmed') this.#outcome.succeed()
    if (phase === 'reverting') this.#goBack()
  }

  /** Called when the server has refused this daemon. */
  onRefused({ code, message, update_to }: Refuse) {
    const { running, policy } = this.#options
    if (code !== 'busy' && this.#on('refused'))
      return this.#giveUp(`The server refused version ${running}: ${message}`)
    if (code === 'protocol_version' && update_to !== undefined && policy.when_refused)
      void this.runUnasked('refusal', update_to)
  }

  /**
   * Called when the daemon is stopped and must not start again. Ends a trial, so that the guard of the trial
   * starts no other daemon.
   */
  onStopped() {
    this.#abort.abort()
    if (this.#on('stopped')) this.#outcome.revert(interrupted(this.#keeper.record))
  }

  /** Called when this process could not start the next version. */
  onRelaunchFailed() {
    if (this.#keeper.last?.settled === false) this.#keeper.write({ restart_strategy: 'supervisor_required' })
  }

  close() {
    this.#abort.abort()
    this.#endTimeLimit()
  }

  /** Begins the trial of this version. */
  #try() {
    const { running, logger, clock } = this.#options
    const { from, trial } = this.#keeper.record
    const { confirm_ms } = trial!
    this.#phase = 'on_trial'
    this.#timeLimit = clock.setTimeout(() => {
      if (this.#on('timed_out'))
        this.#giveUp(`The server did not accept version ${running} within ${confirm_ms / 1000} s.`)
    }, confirm_ms)
    logger.info({ from, to: running }, 'on trial until the server accepts this version')
    this.#keeper.writeAnyway({ stage: 'confirm', message: running })
    this.#keeper.tell()
  }

  #giveUp(why: string) {
    this.#outcome.revert(new UpdateFailure('update_not_accepted', 'confirm', why))
    this.#goBack()
  }

  /** Puts the previous version back in its place, and restarts the daemon with it. */
  #goBack() {
    this.#outcome.putBack()
    this.#options.restart(this.#keeper.record.trial!.previous_entry)
  }

  /** Applies a stimulus to the phase. @returns the new phase; undefined if the phase does not change */
  #on(stimulus: Stimulus): Phase | undefined {
    const phase = this.#phase && step(this.#phase, stimulus)
    if (phase === this.#phase) return undefined
    this.#endTimeLimit()
    this.#phase = phase
    return phase
  }

  get #isBusy() {
    return this.#phase !== undefined && !isOver(this.#phase)
  }

  #isBad(version: string): boolean {
    return this.#keeper.last?.bad_versions.some((bad) => bad.version === version) ?? false
  }

  #endTimeLimit() {
    if (this.#timeLimit) this.#options.clock.clearTimeout(this.#timeLimit)
  }
}
