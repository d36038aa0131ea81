import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { kept } from '../config/after-trial.ts'
import { concealed } from '../config/key.ts'
import type { UpdateConfig } from '../config/update-config.ts'
import type { Clock, Timer } from '../platform/clock.ts'
import { EXECUTABLE } from '../platform/executable.ts'
import { writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import type { CommandResult, Refuse } from '../protocol/index.ts'
import { asFailure, type Stage, UpdateFailure } from './failure.ts'
import { look } from './fetch/available.ts'
import { checkGood } from './fetch/direction.ts'
import { type Prepared, prepare } from './fetch/prepare.ts'
import {
  clearAfter,
  failedRecord,
  readRecord,
  resultOf,
  startPath,
  startsOf,
  startsPath,
  type Trial,
  type UpdateRecord,
  type UpdateResult,
  writeRecord,
} from './record.ts'
import { confirm } from './switch/confirmed.ts'
import { ended, interrupted } from './switch/guard.ts'
import { hasStandIn, keepNext, putBack, putStandIn, tidy, tidyBack } from './switch/place.ts'
import { type Target, targetAt } from './switch/target.ts'
import { standIn, startText } from './switch/trial.ts'

/** Maximum number of attempts at one update. If the daemon ends during an update, the next one retries. */
const MAX_ATTEMPTS = 3

export interface UpdateRequest {
  command_id: string
  /** A version or a dist-tag. */
  requested: string
  allow_downgrade: boolean
  origin: UpdateRecord['origin']
}

export interface UpdatesOptions {
  stateDir: string
  /** Version of this program. */
  running: string
  policy: UpdateConfig
  /** Command line of this process (the runtime, the program, and its arguments) and its environment. */
  started: { runner: readonly string[]; argv: readonly [string, ...string[]]; env: NodeJS.ProcessEnv }
  supervised: boolean
  clock: Clock
  logger: Logger
  onProgress(commandId: string, stage: Stage, message?: string): void
  onChange(record: UpdateRecord): void
  /** Reports the result of an update that an earlier process began. */
  onSettled(result: CommandResult): void
  /** Ends this daemon, so that the program at `entry` starts in its place. */
  restart(entry: string): void
}

/** Updates of this daemon, one at a time. An update spans several processes, from the order to the result. */
export class Updates {
  readonly #options: UpdatesOptions
  readonly #abort = new AbortController()
  #record: UpdateRecord | undefined
  #running = false
  #confirm: Timer | undefined

  constructor(options: UpdatesOptions) {
    this.#options = options
    this.#record = readRecord(options.stateDir)
  }

  /** Continues the update that an earlier process began. */
  takeUp() {
    const record = this.#record
    if (!record) return
    this.#options.onChange(record)
    if (record.settled) return this.#clear(record)
    const { trial, outcome } = record
    const { running, restart } = this.#options
    const isNext = running === record.to
    if (outcome === 'failed' && trial && isNext) {
      // A guard gave this version up while it was starting.
      if (hasStandIn(trial)) putBack(trial)
      return restart(trial.previous_entry)
    }
    if (outcome) return this.#settle(record)
    if (trial && isNext) return hasStandIn(trial) ? this.#try(record, trial) : this.#succeed(record)
    if (trial && hasStandIn(trial)) {
      const failure = startsOf(this.#options.stateDir) > 0 ? ended(record) : interrupted(record)
      return this.#fail(record, failure)
    }
    if (record.stage === 'relaunch' || record.stage === 'confirm')
      return isNext ? this.#succeed(record) : this.#fail(record, trial ? ended(record) : interrupted(record))
    // Nothing has changed yet. The server repeats a command that got no result.
    if (record.origin !== 'server' || record.attempts >= MAX_ATTEMPTS) this.#fail(record, interrupted(record))
  }

  /**
   * Updates this daemon.
   * @returns undefined if a later process reports the result
   * @throws UpdateFailure
   */
  async run(request: UpdateRequest): Promise<UpdateResult | undefined> {
    const { running, supervised, policy } = this.#options
    const before = this.#record
    const again = before?.command_id === request.command_id ? before : undefined
    if (again?.outcome === 'succeeded') return resultOf(again)
    if (again?.error) throw UpdateFailure.of(again.error)
    if (again && this.#confirm) return undefined
    if (!policy.enabled && request.origin !== 'local')
      throw new UpdateFailure('update_refused', 'resolve', 'Updates are disabled on this machine.', {
        remedy: 'Set enabled under [update] in its configuration file, or run `fomular-daemon update` there.',
      })
    if (this.#running || this.#confirm)
      throw new UpdateFailure('update_running', 'resolve', 'An update is already in progress.', {
        remedy: 'Wait for its result.',
      })
    this.#running = true
    this.#record = {
      version: 1,
      command_id: request.command_id,
      origin: request.origin,
      requested: request.requested,
      from: running,
      stage: 'resolve',
      attempts: (again?.attempts ?? 0) + 1,
      started_at: again?.started_at ?? this.#now(),
      restart_strategy: supervised ? 'supervisor_required' : 'self',
      settled: false,
      ...(before?.handover && { handover: before.handover }),
      bad_versions: before?.bad_versions ?? [],
    }
    try {
      this.#write({})
      return await this.#update(request)
    } catch (error) {
      // The daemon is stopping. The next one continues the update.
      if (this.#abort.signal.aborted) return undefined
      this.#fail(this.#record, asFailure(error, this.#record.stage), { tell: false })
      throw UpdateFailure.of(this.#record.error!)
    } finally {
      this.#running = false
    }
  }

  /** Looks up a version or a dist-tag in the registry. @throws UpdateFailure */
  async check(requested: string) {
    const { policy, started, stateDir } = this.#options
    const { env, argv } = started
    const { signal } = this.#abort
    const found = await look({ command: argv[0], requested, policy, stateDir, env, signal })
    const bad = this.#record?.bad_versions.some(({ version }) => version === found.available) ?? false
    return { ...found, bad }
  }

  /** Updates without an order from a person or the server. Does not retry a version that failed here. */
  async runUnasked(origin: 'refusal' | 'schedule', requested: string): Promise<void> {
    const { logger } = this.#options
    if (this.#running || this.#confirm) return
    if (this.#record?.bad_versions.some(({ version }) => version === requested)) {
      logger.warn({ version: requested }, 'this version failed here before and is retried only on request')
      return
    }
    const command_id = `${origin}-${randomUUID()}`
    await this.run({ command_id, requested, allow_downgrade: false, origin }).catch((error) => {
      if (!(error instanceof UpdateFailure)) throw error
    })
  }

  /** Called when the server has welcomed this daemon. */
  onWelcomed() {
    const record = this.#record
    this.#remember(this.#options.running, { welcomed: true })
    if (!this.#confirm || !record?.trial) return
    this.#endTrial()
    // A guard has given this version up in the meantime.
    if (!hasStandIn(record.trial)) return this.#options.restart(record.trial.previous_entry)
    this.#succeed(record)
  }

  /** Called when the server has refused this daemon. */
  onRefused({ code, message, update_to }: Refuse) {
    const { running, policy } = this.#options
    if (this.#confirm && code !== 'busy')
      return this.#giveUp('update_not_accepted', `The server refused version ${running}: ${message}`)
    if (code !== 'protocol_version' || update_to === undefined || !policy.when_refused) return
    void this.runUnasked('refusal', update_to)
  }

  /** Called when the daemon is stopped for good. Ends a trial, so that its guard starts no other daemon. */
  onStopped() {
    this.#abort.abort()
    const record = this.#record
    if (!this.#confirm || !record?.trial) return
    this.#endTrial()
    this.#fail(record, interrupted(record), { settle: false })
  }

  /** Called when this process could not start the next version. */
  onRelaunchFailed() {
    if (this.#record && !this.#record.settled) this.#write({ restart_strategy: 'supervisor_required' })
  }

  close() {
    this.#abort.abort()
    this.#endTrial()
  }

  async #update(request: UpdateRequest): Promise<UpdateResult | undefined> {
    const { stateDir, running, policy, started, supervised, logger, restart } = this.#options
    const [command, ...args] = started.argv
    const { program, target } = targetAt(command, started.env)
    this.#write({ mode: target.mode, path: target.entry })
    const prepared = await prepare({
      target,
      running,
      requested: request.requested,
      origin: request.origin,
      allowDowngrade: request.allow_downgrade,
      policy,
      stateDir,
      runner: started.runner,
      env: started.env,
      signal: this.#abort.signal,
      progress: (stage, message) => this.#progress(stage, message),
      warn: (message) => this.#warn(message),
      onResolved: (resolved) => {
        this.#write({ to: resolved })
        checkGood(request, resolved, this.#record?.bad_versions ?? [])
      },
    })
    try {
      if (prepared.change === 'none') {
        this.#write({
          outcome: 'succeeded',
          finished_at: this.#now(),
          settled: true,
          message: 'already running',
        })
        return resultOf(this.#record!)
      }
      // A supervisor keeps starting the old program, which then hands over to the new one.
      if (target.entry !== target.previous_entry)
        this.#write({ handover: { from: program, version: running, to: target.entry } })
      if (prepared.change === 'switch') this.#changeOver(target, prepared, args)
      this.#progress('relaunch', supervised ? 'by the supervisor' : 'by itself')
      logger.info(
        { from: running, to: prepared.resolved, entry: target.entry },
        'switching to another version',
      )
      restart(target.entry)
      return undefined
    } catch (error) {
      const { trial } = this.#record ?? {}
      if (trial && hasStandIn(trial)) putBack(trial)
      throw error
    } finally {
      prepared.unlock()
    }
  }

  #changeOver(target: Target, prepared: Prepared & { change: 'switch' }, args: string[]) {
    const { stateDir, policy, started } = this.#options
    const { mode: _, ...place } = target
    const { nextDir, previous } = prepared
    const trial: Trial = {
      ...place,
      id: randomUUID(),
      next: nextDir,
      previous,
      args: concealed(args),
      confirm_ms: policy.confirm_s * 1000,
    }
    this.#write({ trial })
    this.#progress('switch', prepared.resolved)
    rmSync(startsPath(stateDir), { force: true })
    writeAtomic(startPath(stateDir), startText(args, started.env), { durable: true })
    putStandIn(trial, standIn(trial, stateDir, EXECUTABLE))
  }

  /** This process is a version on trial. */
  #try(record: UpdateRecord, trial: Trial) {
    const { running, logger, clock } = this.#options
    this.#confirm = clock.setTimeout(
      () =>
        this.#giveUp(
          'update_not_accepted',
          `The server did not accept version ${running} within ${trial.confirm_ms / 1000} s.`,
        ),
      trial.confirm_ms,
    )
    logger.info({ from: record.from, to: running }, 'on trial until the server accepts this version')
    this.#writeAnyway({ stage: 'confirm', message: running })
    this.#tell()
  }

  #giveUp(code: 'update_not_accepted', message: string) {
    const record = this.#record
    if (!record?.trial) return
    this.#endTrial()
    this.#fail(record, new UpdateFailure(code, 'confirm', message), { settle: false })
    this.#options.restart(record.trial.previous_entry)
  }

  #succeed(record: UpdateRecord) {
    const { trial } = record
    if (trial && hasStandIn(trial)) keepNext(trial)
    kept()
    // A daemon accepts orders only from a server that has welcomed it.
    this.#remember(record.from, { welcomed: record.origin === 'server', program: trial?.previous })
    this.#writeAnyway({ outcome: 'succeeded', finished_at: this.#now() })
    this.#options.logger.info({ from: record.from, to: record.to }, 'updated')
    this.#settle(this.#record!)
  }

  /** Records the failure before the rollback: a trial undone without a record would look like a success. */
  #fail(record: UpdateRecord, { error }: UpdateFailure, { settle = true, tell = true } = {}) {
    const { logger } = this.#options
    logger.error({ from: record.from, to: record.to, error }, 'update failed')
    this.#writeAnyway(failedRecord(record, error, this.#now()))
    if (record.trial && hasStandIn(record.trial)) putBack(record.trial)
    if (settle) this.#settle(this.#record!, tell)
  }

  /** Cleans up, and reports the result. */
  #settle(record: UpdateRecord, tell = true) {
    const { logger, onSettled } = this.#options
    const { trial, command_id, origin, error } = record
    try {
      if (trial && !hasStandIn(trial)) (record.outcome === 'succeeded' ? tidy : tidyBack)(trial)
    } catch (problem) {
      // The next update cleans up.
      logger.warn({ err: problem }, 'failed to clean up after the update')
    }
    this.#writeAnyway({ settled: true })
    this.#clear(this.#record!)
    if (!tell || origin !== 'server') return
    const of = { type: 'daemon:update:result', command_id } as const
    onSettled(error ? { ...of, ok: false, error } : { ...of, ok: true, ...resultOf(record) })
  }

  /** Removes the files of a finished update. If that fails, the next daemon retries. */
  #clear(record: UpdateRecord) {
    const { stateDir, logger } = this.#options
    try {
      clearAfter(stateDir, record)
    } catch (problem) {
      logger.warn({ err: problem }, 'failed to clean up after the update')
    }
  }

  /** @param ran `program` is a copy of the version's program, if that is certainly the program that ran */
  #remember(version: string, ran: { welcomed: boolean; program?: string | undefined }) {
    const { stateDir, logger } = this.#options
    confirm(stateDir, { version, at: this.#now(), ...ran }).catch((problem) =>
      logger.warn({ err: problem, version }, 'failed to record a confirmed version'),
    )
  }

  #endTrial() {
    if (this.#confirm) this.#options.clock.clearTimeout(this.#confirm)
    this.#confirm = undefined
  }

  #write(changed: Partial<UpdateRecord>) {
    this.#record = { ...this.#record!, ...changed }
    writeRecord(this.#options.stateDir, this.#record)
    this.#options.onChange(this.#record)
  }

  /** Records a decision already made. A full disk must not undo it; the next daemon decides again. */
  #writeAnyway(changed: Partial<UpdateRecord>) {
    try {
      this.#write(changed)
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'failed to record the state of the update')
    }
  }

  /** Records a stage before reporting it, so that the next process knows it however this one ends. */
  #progress(stage: Stage, message?: string) {
    this.#write({ stage, message })
    this.#tell()
  }

  #warn(message: string) {
    this.#options.logger.warn(message)
    this.#write({ warnings: [...(this.#record?.warnings ?? []), message] })
  }

  #tell() {
    const { origin, command_id, stage, message } = this.#record!
    if (origin === 'server') this.#options.onProgress(command_id, stage, message)
  }

  #now() {
    return new Date(this.#options.clock.now()).toISOString()
  }
}
