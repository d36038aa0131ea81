import { realpathSync, rmSync } from 'node:fs'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { CommandResult, Refuse, ResultOf } from '../protocol/index.ts'
import { type Stage, UpdateFailure } from './failure.ts'
import { layoutOf } from './layout.ts'
import { copyPackage, isOnTrial, keepNext, putBack, putOnTrial, tidy, tidyBack } from './place.ts'
import { prepare, targetOf } from './prepare.ts'
import { failedRecord, readRecord, startsPath, type Trial, type UpdateRecord, writeRecord } from './record.ts'
import { standIn } from './trial.ts'
import { diskFailure } from './unpack.ts'

/** From the new version's start to the server's welcome. */
const CONFIRM_MS = 60_000
/** How often one update is begun when the daemon ends in the midst of it. */
const MAX_ATTEMPTS = 3

export interface UpdateRequest {
  command_id: string
  version: string
  allow_downgrade: boolean
  origin: UpdateRecord['origin']
}

export type UpdateResult = ResultOf<'daemon:update'>

export interface UpdatesOptions {
  stateDir: string
  /** Of this program. */
  version: string
  policy: { package: string; registry?: string | undefined }
  /** As this process was started: `argv[0]` is the program. */
  started: { argv: string[]; env: NodeJS.ProcessEnv }
  supervised: boolean
  clock: Clock
  logger: Logger
  progress(commandId: string, stage: Stage, message?: string): void
  changed(record: UpdateRecord): void
  /** The result of an update that an earlier process began. */
  settled(result: CommandResult): void
  /** Ends this daemon, for the program at `entry` to be started in its place. */
  restart(entry: string): void
}

/** Updates of this daemon: one at a time, from the order to the result, over the processes that takes. */
export class Updates {
  readonly #options: UpdatesOptions
  #record: UpdateRecord | undefined
  #running = false
  #confirm: Timer | undefined
  #abort = new AbortController()

  constructor(options: UpdatesOptions) {
    this.#options = options
    this.#record = readRecord(options.stateDir)
  }

  get record() {
    return this.#record
  }

  /** Whether this process is a version that has yet to be accepted by the server. */
  get onTrial() {
    return this.#confirm !== undefined
  }

  /** Goes on where an earlier process ended. */
  takeUp() {
    const { version, logger } = this.#options
    const record = this.#record
    if (!record || record.settled) return
    const { trial } = record
    // A guard has given this version up while it was starting.
    if (record.outcome === 'failed' && trial && version === record.to)
      return this.#options.restart(trial.previous_entry)
    if (record.outcome) return this.#settle(record)
    const changedOver = trial && isOnTrial(trial)
    if (trial && version === record.to) {
      if (!changedOver) return this.#succeed(record, trial)
      this.#write({ ...record, stage: 'confirm' })
      this.#progress('confirm')
      logger.info({ from: record.from, to: version }, 'on trial until the server has accepted this version')
      this.#confirm = this.#options.clock.setTimeout(
        () =>
          this.#giveUp(
            new UpdateFailure(
              'update_not_accepted',
              'confirm',
              `The server has not accepted version ${version} within ${trial.confirm_ms / 1000} s.`,
            ),
          ),
        trial.confirm_ms,
      )
      return
    }
    if (trial && (changedOver || record.stage === 'relaunch' || record.stage === 'confirm')) {
      if (changedOver) putBack(trial)
      return this.#fail(
        record,
        new UpdateFailure(
          'update_crashed',
          'confirm',
          `Version ${record.to} ended before the server had accepted it.`,
          { remedy: "See daemon.log in the state folder for that version's own words." },
        ),
      )
    }
    // Nothing has been changed yet. A server asks again for what it got no answer to.
    if (record.origin === 'server' && record.attempts < MAX_ATTEMPTS) return
    this.#fail(
      record,
      new UpdateFailure('update_interrupted', record.stage, 'The daemon ended in the midst of the update.'),
    )
  }

  /**
   * Updates this daemon.
   * @returns undefined where the version that takes over has the last word
   * @throws UpdateFailure
   */
  async run(request: UpdateRequest): Promise<UpdateResult | undefined> {
    const before = this.#record
    const again = before?.command_id === request.command_id ? before : undefined
    if (again?.outcome === 'succeeded') return this.#result(again)
    if (again?.error) throw UpdateFailure.of(again.error)
    if (again && this.onTrial) return undefined
    if (this.#running || this.onTrial)
      throw new UpdateFailure('update_running', 'resolve', 'An update is under way.', {
        remedy: 'Wait for its result.',
      })
    this.#running = true
    const { version, supervised } = this.#options
    let record: UpdateRecord = {
      version: 1,
      command_id: request.command_id,
      origin: request.origin,
      requested: request.version,
      from: version,
      stage: 'resolve',
      attempts: (again?.attempts ?? 0) + 1,
      started_at: again?.started_at ?? this.#now(),
      restart_strategy: supervised ? 'supervisor_required' : 'self',
      settled: false,
      ...(before?.handover && { handover: before.handover }),
      bad_versions: before?.bad_versions ?? [],
    }
    try {
      return await this.#update(request, (changed) => {
        record = { ...record, ...changed }
        this.#write(record)
        return record
      })
    } catch (error) {
      const failure = asFailure(error, record.stage)
      this.#fail(record, failure, { settle: true, tell: false })
      throw failure
    } finally {
      this.#running = false
    }
  }

  /** The server has welcomed this daemon. */
  accepted() {
    const record = this.#record
    if (!this.#confirm || !record?.trial) return
    this.#endTrial()
    // A guard has given this version up meanwhile.
    if (!isOnTrial(record.trial)) return this.#options.restart(record.trial.previous_entry)
    this.#succeed(record, record.trial)
  }

  /** The server has turned this daemon away. @returns whether that is the end of a trial */
  refused({ code, message }: Refuse): boolean {
    if (!this.onTrial || code === 'busy') return false
    this.#giveUp(
      new UpdateFailure(
        'update_not_accepted',
        'confirm',
        `The server refused version ${this.#options.version}: ${message}`,
      ),
    )
    return true
  }

  /** The daemon is stopped for good: it is not left to a guard to start another one. */
  stopped() {
    this.#abort.abort()
    const record = this.#record
    if (!this.#confirm || !record?.trial) return
    this.#endTrial()
    putBack(record.trial)
    this.#fail(
      record,
      new UpdateFailure(
        'update_interrupted',
        'confirm',
        'The daemon was stopped before the server had accepted it.',
      ),
      { settle: false, tell: false },
    )
  }

  close() {
    this.#abort.abort()
    this.#endTrial()
  }

  async #update(
    { version: requested, allow_downgrade }: UpdateRequest,
    write: (changed: Partial<UpdateRecord>) => UpdateRecord,
  ): Promise<UpdateResult | undefined> {
    const { stateDir, version: from, policy, started, supervised, logger, restart } = this.#options
    write({})
    const program = realpathSync(started.argv[0] ?? '')
    const target = targetOf(layoutOf(program), { version: from, env: started.env })
    const {
      version: to,
      staged,
      unlock,
    } = await prepare({
      target,
      from,
      requested,
      allowDowngrade: allow_downgrade,
      policy,
      stateDir,
      env: started.env,
      signal: this.#abort.signal,
      progress: (stage, message) => {
        write({ stage })
        this.#progress(stage, message)
      },
      resolved: (version) => void write({ to: version }),
    })
    try {
      if (!staged) {
        const done = write({ outcome: 'succeeded', finished_at: this.#now(), settled: true })
        return this.#result(done, target)
      }
      const { previous: _, ...place } = target
      const trial: Trial = {
        ...place,
        ...staged,
        args: started.argv.slice(1),
        confirm_ms: confirmMs(started.env),
      }
      const moves = trial.entry !== trial.previous_entry
      write({ stage: 'switch', trial, ...(moves && { handover: { from: program, to: trial.entry } }) })
      this.#progress('switch', to)
      if (trial.mode === 'global') copyPackage(trial.root, trial.previous)
      rmSync(startsPath(stateDir), { force: true })
      putOnTrial(trial, standIn(trial, { from, to, stateDir, env: started.env }))
      write({ stage: 'relaunch' })
      this.#progress('relaunch', supervised ? 'the supervisor starts it' : undefined)
      logger.info({ from, to, entry: trial.entry }, 'changing over to another version')
      restart(trial.entry)
      return undefined
    } catch (error) {
      const { trial } = this.#record ?? {}
      if (trial && isOnTrial(trial)) putBack(trial)
      throw diskFailure(error, 'switch')
    } finally {
      unlock()
    }
  }

  #giveUp(failure: UpdateFailure) {
    const record = this.#record
    if (!record?.trial) return
    this.#endTrial()
    putBack(record.trial)
    this.#fail(record, failure, { settle: false, tell: false })
    this.#options.restart(record.trial.previous_entry)
  }

  #succeed(record: UpdateRecord, trial: Trial) {
    if (isOnTrial(trial)) keepNext(trial)
    const done = { ...record, outcome: 'succeeded', finished_at: this.#now() } as const
    this.#write(done)
    this.#options.logger.info({ from: record.from, to: record.to }, 'updated')
    this.#settle(done)
  }

  #fail(record: UpdateRecord, { error }: UpdateFailure, { settle = true, tell = true } = {}) {
    const failed = failedRecord(record, error, this.#now())
    this.#options.logger.error({ from: record.from, to: record.to, error }, 'update failed')
    try {
      this.#write(failed)
    } catch (problem) {
      this.#options.logger.warn({ err: problem }, 'the failed update could not be recorded')
    }
    if (settle) this.#settle(failed, tell)
  }

  /** Clears up, and tells the result. */
  #settle(record: UpdateRecord, tell = true) {
    const { logger, stateDir, settled } = this.#options
    try {
      const { trial } = record
      if (trial && !isOnTrial(trial)) (record.outcome === 'succeeded' ? tidy : tidyBack)(trial)
      rmSync(startsPath(stateDir), { force: true })
    } catch (error) {
      // What is left over is cleared by the next update.
      logger.warn({ err: error }, 'could not clear up after the update')
    }
    try {
      this.#write({ ...record, settled: true })
    } catch (error) {
      logger.warn({ err: error }, 'the end of the update could not be recorded')
    }
    const { command_id, origin, error } = record
    if (!tell || origin !== 'server') return
    const of = { type: 'daemon:update:result', command_id } as const
    settled(error ? { ...of, ok: false, error } : { ...of, ok: true, ...this.#result(record) })
  }

  #result(
    record: UpdateRecord,
    place: Pick<Trial, 'mode' | 'entry'> | undefined = record.trial,
  ): UpdateResult {
    return {
      mode: place?.mode ?? 'global',
      restart_strategy: record.restart_strategy,
      from_version: record.from,
      to_version: record.to ?? record.from,
      ...(place && { path: place.entry }),
      duration_ms: Date.parse(record.finished_at ?? this.#now()) - Date.parse(record.started_at),
    }
  }

  #endTrial() {
    if (this.#confirm) this.#options.clock.clearTimeout(this.#confirm)
    this.#confirm = undefined
  }

  #write(record: UpdateRecord) {
    this.#record = record
    try {
      writeRecord(this.#options.stateDir, record)
    } catch (error) {
      throw diskFailure(error)
    }
    this.#options.changed(record)
  }

  #progress(stage: Stage, message?: string) {
    const id = this.#record?.command_id
    if (id !== undefined) this.#options.progress(id, stage, message)
  }

  #now() {
    return new Date(this.#options.clock.now()).toISOString()
  }
}

/** Shorter ones are for tests. */
function confirmMs(env: NodeJS.ProcessEnv): number {
  const seconds = Number(env.FOMULAR_DAEMON_UPDATE_CONFIRM_S)
  return seconds > 0 ? seconds * 1000 : CONFIRM_MS
}

function asFailure(error: unknown, stage: Stage): UpdateFailure {
  if (error instanceof UpdateFailure) return error
  const message = error instanceof Error ? error.message : String(error)
  return new UpdateFailure('update_failed', stage, message, { cause: error })
}
