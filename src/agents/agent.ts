import { isoTime } from '../platform/clock.ts'
import { Waiters } from '../platform/waiters.ts'
import type { AgentStatus, PermissionRequest } from '../protocol/index.ts'
import type { AgentContext, AgentRecords } from './agent-context.ts'
import { type AgentFiles, openFiles } from './disk/agent-files.ts'
import { dropApart, writeCursor } from './disk/cursor.ts'
import type { AgentFolder } from './disk/folder.ts'
import type { CopyEnd } from './disk/generations.ts'
import type { ProcessRecord, RunRecord, Snapshot, SpecRecord } from './disk/records.ts'
import type { ActivityFrame } from './events/activity-frame.ts'
import { answeredId } from './events/ids.ts'
import { processesOfRun } from './process/of-this-boot.ts'
import { Reading } from './reading.ts'
import type { Input } from './runtimes/conversation.ts'
import type { RuntimeAdapter } from './runtimes/runtime.ts'
import { addWork, beginRun, endBy, explainExit, failLaunch, requestStop } from './state/changes.ts'
import { hasEnded } from './state/lifecycle.ts'
import { onAnswered } from './state/reduce.ts'
import { type Launching, statusOf } from './state/status.ts'

/** An agent as recorded in its folder. This class does not deal with processes or the connection. */
export class Agent {
  readonly id: string
  readonly folder: AgentFolder
  readonly record: SpecRecord
  readonly runtime: RuntimeAdapter
  readonly inbox: AgentFiles['inbox']
  readonly journal: AgentFiles['journal']
  readonly generations: AgentFiles['generations']
  readonly contact: AgentFiles['contact']
  readonly limits: AgentFiles['limits']
  run: RunRecord
  acked: number
  /** Offset of the first byte still on disk. */
  begin: number
  /** Number of journal bytes passed to the connection; at least `acked`. */
  sent: number
  revision: number
  /** Time before which the agent is not restarted automatically, in ms since 1970. */
  heldUntil: number | undefined
  /** State of the current run's launch: why the run is queued, and whether its start is slow. */
  launching: Launching = {}
  /** Sentence that explains why the current turn takes a long time. */
  longTurn: string | undefined
  /** True if the agent has ended but will restart soon, so that prompts are kept for the next run. */
  returning = false
  readonly #context: AgentContext<Agent>
  readonly #snapshot: Snapshot
  readonly #waiters: Waiters
  #process: ProcessRecord | undefined
  /** `grown`: only offsets are unsaved; `changed`: data that the journal does not contain is unsaved, too. */
  #unsaved: 'grown' | 'changed' | undefined
  readonly #reading: Reading<Agent>
  readonly #now = () => isoTime(this.#context.clock.now())

  constructor({ folder, record, run, runtime }: AgentRecords, context: AgentContext<Agent>) {
    this.id = record.agent_id
    this.folder = folder
    this.record = record
    this.run = run
    this.runtime = runtime
    this.#context = context
    this.#waiters = new Waiters(context.clock)
    const files = openFiles(folder, { record, runtime, toldCounts: context.toldCounts, now: this.#now() })
    this.inbox = files.inbox
    this.journal = files.journal
    this.generations = files.generations
    this.contact = files.contact
    this.limits = files.limits
    this.begin = files.begin ?? 0
    this.acked = files.acked ?? 0
    this.sent = this.acked
    this.#snapshot = files.snapshot
    this.#reading = new Reading<Agent>(this, { ...files, now: this.#now, context })
    this.revision = context.nextRevision()
  }

  get snapshot(): Readonly<Snapshot> {
    return this.#snapshot
  }

  get hasEnded() {
    return hasEnded(this.#snapshot.state)
  }

  /** True if the run in `run.json` is over. The journal may still describe the run before it. */
  get hasRunEnded() {
    return this.#snapshot.run === this.run.run && this.hasEnded
  }

  get isReady() {
    return this.#snapshot.run === this.run.run && this.#snapshot.ready
  }

  /** Processes of the current run; undefined until its launcher has recorded them. */
  get process(): ProcessRecord | undefined {
    if (this.#process?.run !== this.run.run) this.#process = processesOfRun(this)
    return this.#process
  }

  /** Number of journal bytes that the server does not have. */
  get backlog() {
    return this.#snapshot.offset - this.acked
  }

  /**
   * Returns a frame with the next whole lines after `sent`: about `budget` bytes of the journal, or a single
   * line that is longer.
   * @returns undefined if there is no whole line, or if nothing may be sent yet
   */
  read(budget: number): ActivityFrame | undefined {
    const from = this.sent
    const journal = this.generations.at(from)
    const end = this.generations.endOf(from)
    const before = this.#snapshot.offset
    const { events, to, changed } = this.#reading.send(from, Math.min(budget, end - from))
    if (to === from) return undefined
    if (to > before) this.#unsaved ??= 'grown'
    if (changed) this.touch()
    else this.#waiters.wake()
    if (!this.contact.begin(to, () => this.#saveNow() || dropApart(this.folder.cursor))) return undefined
    this.sent = to
    return { from, to, ...(journal !== undefined && { journal }), events, more: to >= end }
  }

  /** Reads new journal lines into the snapshot, even without a connection. @returns whether there may be more */
  catchUp(): boolean {
    const from = this.#snapshot.offset
    const { to, changed, more } = this.#reading.catchUp()
    if (changed) this.touch()
    else if (to > from) this.#waiters.wake()
    if (to > from) this.#unsaved ??= 'grown'
    return more
  }

  /** Records that the server has the journal up to `offset`. */
  acknowledge(offset: number) {
    if (offset <= this.acked) return
    this.acked = Math.min(offset, this.#snapshot.offset)
    this.sent = Math.max(this.sent, this.acked)
    this.#unsaved ??= 'grown'
  }

  /** Continues sending from `offset`, the server's position. The server may have lost later bytes. */
  rewind(offset: number) {
    this.acked = Math.min(Math.max(offset, this.begin), this.#snapshot.offset)
    this.sent = this.acked
    this.#unsaved ??= 'grown'
  }

  /**
   * Begins a new generation of the journal, which continues a server's copy. Moves to the end of the copy all
   * bytes that no server has received. If the server has lost bytes, moves the whole journal.
   * @throws the system error
   */
  beginGeneration(copy: CopyEnd) {
    const { known } = this.contact
    const unknown = known > copy.offset || known <= this.begin ? this.begin : this.journal.lineStart(known)
    const where = { from: unknown ?? this.#snapshot.offset, running: !this.hasEnded, time: this.#now() }
    const move = () => this.generations.begin(this.journal, { ...where, copy })
    this.#snapshot.offset += this.limits.acrossMove(this.#snapshot, move)
    this.#reading.states.cut(where.from)
    this.contact.rewind(copy.offset)
    this.#touchAndSave()
  }

  /** Records the end of the connection. */
  onDisconnected() {
    this.contact.end(this.acked)
    this.#unsaved = 'changed'
  }

  /** Records that the journal was read to its end. Called before this daemon adds to the journal. */
  onCaughtUp() {
    this.contact.onCaughtUp(this.#snapshot.offset)
    this.#unsaved = 'changed'
  }

  /** Answers a permission request once. @throws the file system's error; nothing has changed then */
  answer({ request_id, digest }: PermissionRequest, input: Input) {
    const marks = [answeredId(this.id, { request_id }), answeredId(this.id, { request_id, digest })]
    this.inbox.put(input, { marks })
    if (onAnswered(this.#snapshot, request_id, this.#now())) this.touch()
  }

  /** Records settings that the agent has confirmed. */
  onConfigured(settings: Pick<Snapshot, 'model' | 'permission_mode'>) {
    const { model = this.#snapshot.model, permission_mode = this.#snapshot.permission_mode } = settings
    Object.assign(this.#snapshot, { model, permission_mode })
    this.touch()
  }

  /** Records a requested stop, so that every later report of the agent's end names the stop as the cause. */
  beginStop(cause: 'stopped' | 'rebooted') {
    requestStop(this.#snapshot, cause, this.#now())
    this.#touchAndSave()
  }

  /** Records at once that launching the current run failed. Otherwise, the next daemon would launch the run. */
  markLaunchFailed(failure: NonNullable<Snapshot['failure']>) {
    failLaunch(this.#snapshot, this.run.run, failure, this.#now())
    this.#touchAndSave()
  }

  /** Records that the agent's restart policy failed to restart the agent, and will retry. */
  markNotResumed(code: string, message: string) {
    this.#snapshot.failure = { code, message }
    this.touch()
  }

  /** Records that the agent's end was requested by a signal that this daemon did not send. */
  markEndedBy(reason: 'stopped' | 'rebooted') {
    endBy(this.#snapshot, reason)
    this.touch()
  }

  /** Records what ended the agent. @param detail explanation, as a sentence */
  explain(detail: string) {
    if (explainExit(this.#snapshot, detail)) this.touch()
  }

  /** Records why the current turn was interrupted. @param why as a sentence */
  explainInterrupt(why: string) {
    this.#snapshot.turn_interrupted = why
    this.touch()
  }

  /** Adds time that the agent has worked on its current turn. */
  addWork(ms: number) {
    if (addWork(this.#snapshot, ms)) this.#unsaved ??= 'grown'
  }

  /** Records a new run, and deletes the data about the last run's end. */
  startRun(run: RunRecord) {
    this.run = run
    this.returning = false
    this.launching = {}
    beginRun(this.#snapshot, run, this.#now())
    this.touch()
  }

  /** Marks the status as changed. */
  touch() {
    this.revision = this.#context.nextRevision()
    this.#unsaved = 'changed'
    this.#context.onChange(this)
    this.#waiters.wake()
  }

  /** Waits until `holds` returns true after a change. @returns false on a timeout, or if the agent was closed */
  until(holds: () => boolean, timeoutMs?: number, signal?: AbortSignal): Promise<boolean> {
    return this.#waiters.until(holds, timeoutMs, signal)
  }

  /** Records that bytes before `offset` are no longer on disk. @throws the system error */
  forget(offset: number) {
    if (this.runtime.isStateful) this.#reading.states.forgetBefore(offset)
    this.begin = offset
    this.#unsaved = 'changed'
  }

  reply(requestId: string) {
    return this.#snapshot.replies.find((reply) => reply.request_id === requestId)
  }

  status(): AgentStatus {
    return statusOf(this, this.#context.clock.now(), this.#context.redactor)
  }

  /** Saves unsaved data. With `changed`, unsaved offsets alone are not saved. @returns true if it saved */
  save({ changed = false } = {}): boolean {
    if (!this.#unsaved || (changed && this.#unsaved !== 'changed')) return false
    const { acked, begin, contact } = this
    const { checkpoints } = this.#reading.states
    writeCursor(this.folder.cursor, this.#snapshot, { acked, begin, apart: contact.apart, checkpoints })
    this.contact.onSaved()
    this.#unsaved = undefined
    return true
  }

  close() {
    this.journal.close()
    this.#waiters.close()
  }

  #touchAndSave() {
    this.touch()
    this.#saveNow()
  }

  /** @returns false if the disk is full */
  #saveNow(): boolean {
    this.#unsaved = 'changed'
    try {
      return this.save()
    } catch {
      return false
    }
  }
}
