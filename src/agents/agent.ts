import { type Clock, isoTime } from '../platform/clock.ts'
import { Waiters } from '../platform/waiters.ts'
import type { AgentStatus, Event, PermissionRequest } from '../protocol/index.ts'
import { attempt } from './attempt.ts'
import { readCursor, writeCursor } from './disk/cursor.ts'
import type { AgentFolder } from './disk/folder.ts'
import { Generations } from './disk/generations.ts'
import { Inbox } from './disk/inbox.ts'
import { Journal, type Line } from './disk/journal.ts'
import { readRecord } from './disk/read-record.ts'
import { ProcessRecord, type RunRecord, type Snapshot, type SpecRecord } from './disk/records.ts'
import { ServerCopy } from './disk/server-copy.ts'
import { explainEnd } from './disk/stderr-tail.ts'
import { type ActivityFrame, pushEvent } from './events/activity-frame.ts'
import { eventsOf } from './events/complete-events.ts'
import { answeredId } from './events/ids.ts'
import { ofThisBoot } from './process/of-this-boot.ts'
import type { Input, RuntimeAdapter } from './runtimes/runtime.ts'
import { hasEnded, isInTurn } from './state/lifecycle.ts'
import { clearPending } from './state/pending.ts'
import { emptySnapshot, move, onAnswered, REQUESTS_KEPT, reduce } from './state/reduce.ts'
import { refuseUnknown } from './state/refuse-unknown.ts'
import { isWanted } from './state/replies.ts'
import { statusOf } from './state/status.ts'

/** Maximum number of journal bytes read into the snapshot at once, so as not to block the event loop. */
const CATCH_UP_BYTES = 1024 * 1024

export interface AgentContext {
  clock: Clock
  nextRevision(): number
  /** True if the cursors record everything that was sent to a server (`isCurrent`). */
  toldCounts: boolean
  /** Called when the agent's status has changed. */
  onChange(agent: Agent): void
  onEvent(event: Event): void
  /** Called when reading the journal fails, for example because of a disk error. It is retried. */
  onUnreadable(agent: Agent, error: unknown): void
  /** Called when handling a line fails. Reading continues after the line. */
  onFailure(agent: Agent, error: unknown): void
}

/** An agent as recorded in its folder. It does not know about processes or the link. */
export class Agent {
  readonly folder: AgentFolder
  readonly record: SpecRecord
  readonly runtime: RuntimeAdapter
  readonly inbox: Inbox
  readonly journal: Journal
  readonly generations: Generations
  readonly contact: ServerCopy
  run: RunRecord
  acked: number
  /** Offset of the first byte still on disk. */
  begin: number
  /** Number of bytes given to the link. Between `acked` and the journal's end. */
  sent: number
  revision: number
  /** Time until which an automatic restart is held back, in ms since 1970. */
  heldUntil: number | undefined
  /** Time at which its run was queued for launch (ISO 8601), and a flag for a slow start. */
  launching: { queuedSince?: string | undefined; slow?: true } = {}
  /** True if it has ended but will restart soon: prompts are kept for the next run. */
  returning = false
  readonly #context: AgentContext
  readonly #snapshot: Snapshot
  readonly #waiters: Waiters
  #process: ProcessRecord | undefined
  /** `grown`: only the offsets have changed; `changed`: also data that is not in the journal. */
  #unsaved: 'grown' | 'changed' | undefined
  readonly #now = () => isoTime(this.#context.clock.now())
  readonly #decode = (line: Line) => eventsOf(line, this.journal.path, this.runtime.decode)

  constructor(
    folder: AgentFolder,
    record: SpecRecord,
    run: RunRecord,
    runtime: RuntimeAdapter,
    context: AgentContext,
  ) {
    this.folder = folder
    this.record = record
    this.run = run
    this.runtime = runtime
    this.#context = context
    this.#waiters = new Waiters(context.clock)
    this.inbox = new Inbox(folder)
    this.journal = new Journal(folder.journal)
    try {
      this.generations = new Generations(folder.generations, this.journal)
      const cursor = readCursor(folder.cursor, this.journal)
      this.contact = new ServerCopy(cursor?.apart, this.journal, this.folder.spec, context.toldCounts)
      this.acked = cursor?.acked ?? 0
      this.begin = cursor?.begin ?? 0
      this.#snapshot = cursor?.snapshot ?? emptySnapshot(this.#now())
      // Answered by a daemon that did not live to write its cursor.
      this.#snapshot.pending = this.#snapshot.pending.filter(
        (request) => !this.inbox.hasAccepted(answeredId(this.id, request)),
      )
    } catch (error) {
      this.journal.close()
      throw error
    }
    this.sent = this.acked
    this.revision = context.nextRevision()
  }

  get id() {
    return this.record.agent_id
  }

  get snapshot(): Readonly<Snapshot> {
    return this.#snapshot
  }

  get hasEnded() {
    return hasEnded(this.#snapshot.state)
  }

  /** True if the run in `run.json` is over. Until its first line, the journal still describes the run before. */
  get hasRunEnded() {
    return this.#snapshot.run === this.run.run && this.hasEnded
  }

  get isReady() {
    return this.#snapshot.run === this.run.run && this.#snapshot.ready
  }

  /** Processes of the present run; undefined until its launcher has recorded them. */
  get process(): ProcessRecord | undefined {
    if (this.#process?.run === this.run.run) return this.#process
    const read = readRecord(this.folder.process, ProcessRecord)
    this.#process = read.ok && read.value.run === this.run.run ? ofThisBoot(read.value, this) : undefined
    return this.#process
  }

  /** Number of journal bytes that the server does not have. */
  get backlog() {
    return this.#snapshot.offset - this.acked
  }

  /**
   * Returns the next whole lines after `sent`, as a frame of about `budget` journal bytes. A longer line gets its own
   * frame.
   * @returns undefined if there is none
   */
  read(budget: number): ActivityFrame | undefined {
    const from = this.sent
    const journal = this.generations.at(from)
    const end = this.generations.endOf(from)
    const events: Event[] = []
    let changed = false
    const to = this.#lines(from, Math.min(budget, end - from), (line) => {
      const decoded = this.#decode(line)
      // The snapshot is up to here, so update it from the same read.
      if (line.start >= this.#snapshot.offset) changed = this.#take(line, decoded) || changed
      for (const event of decoded) pushEvent(events, event)
      return undefined
    })
    if (to === from) return undefined
    this.sent = to
    this.#refuse()
    // The record of the time without a server must be gone before the first frame is sent.
    if (this.contact.begin(to)) this.#saveNow()
    if (changed) this.touch()
    else this.#waiters.wake()
    return { from, to, ...(journal !== undefined && { journal }), events, more: to >= end }
  }

  /** Reads new journal lines into the snapshot, independently of the link. @returns whether there may be more */
  catchUp(): boolean {
    const from = this.#snapshot.offset
    let changed = false
    const to = this.#lines(from, CATCH_UP_BYTES, (line) => {
      // Most of a journal is talk, which is decoded when it is sent: once is enough.
      changed = this.#take(line, this.runtime.isSkippable(line.bytes) ? [] : this.#decode(line)) || changed
      return undefined
    })
    this.#refuse()
    if (changed) this.touch()
    else if (to > from) this.#waiters.wake()
    return to - from >= CATCH_UP_BYTES
  }

  /** Records that the server has the journal up to `offset`. */
  acknowledge(offset: number) {
    if (offset <= this.acked) return
    this.acked = Math.min(offset, this.#snapshot.offset)
    this.sent = Math.max(this.sent, this.acked)
    this.#unsaved ??= 'grown'
  }

  /** Continues sending from `offset`, the server's position, even if the server had more before and lost it. */
  rewind(offset: number) {
    this.acked = Math.min(Math.max(offset, this.begin), this.#snapshot.offset)
    this.sent = this.acked
    this.#unsaved ??= 'grown'
  }

  /**
   * Begins a new generation of the journal for a server that has the journal up to `offset`. Moves all bytes that no
   * server has had to that offset, or the whole journal if the server has less than this daemon knew of.
   * @throws the system error
   */
  beginGeneration(offset: number) {
    const unknown = this.journal.lineStart(this.contact.known) ?? this.#snapshot.offset
    const from = unknown <= offset ? unknown : this.begin
    const where = { from, to: Math.max(offset, from), running: !this.hasEnded, time: this.#now() }
    this.#snapshot.offset += this.generations.begin(this.journal, where)
    this.contact.onMoved(offset)
    this.#saveNow()
    this.touch()
  }

  /** Records the end of the link. */
  onDisconnected() {
    this.contact.end(this.acked)
    this.#unsaved = 'changed'
  }

  /** Records that the journal of earlier daemons has been read to its end, before this daemon adds to it. */
  onCaughtUp() {
    this.contact.onCaughtUp(this.#snapshot.offset)
    this.#unsaved = 'changed'
  }

  /** Answers a permission request. Later answers have no effect. @throws the file system's error, with nothing done */
  answer({ request_id, digest }: PermissionRequest, input: Input) {
    const marks = [answeredId(this.id, { request_id }), answeredId(this.id, { request_id, digest })]
    this.inbox.put(input, { marks })
    if (onAnswered(this.#snapshot, request_id, this.#now())) this.touch()
  }

  /** Records settings that the agent has confirmed. */
  onConfigured(settings: Pick<Snapshot, 'model' | 'permission_mode'>) {
    if (settings.model !== undefined) this.#snapshot.model = settings.model
    if (settings.permission_mode !== undefined) this.#snapshot.permission_mode = settings.permission_mode
    this.touch()
  }

  /** Records a requested stop, so that this daemon and the next one report the coming end as that stop. */
  beginStop(cause: 'stopped' | 'rebooted') {
    this.#snapshot.stopping = cause
    if (isInTurn(this.#snapshot.state)) this.#snapshot.interrupted = true
    move(this.#snapshot, 'stop', this.#now())
    this.touch()
    this.#saveNow()
  }

  /** Records that launching the present run failed. */
  markLaunchFailed(code: string, message: string) {
    clearPending(this.#snapshot)
    Object.assign(this.#snapshot, { run: this.run.run, ready: false, failure: { code, message } })
    this.#snapshot.state = 'failed'
    this.#snapshot.since = this.#now()
    this.touch()
    // Save now, or the next daemon would launch the run.
    this.#saveNow()
  }

  /** Records that a restart by its restart policy failed for now. */
  markNotResumed(code: string, message: string) {
    this.#snapshot.failure = { code, message }
    this.touch()
  }

  /** Records that its end was requested, by a signal that this daemon did not send. */
  markEndedBy(reason: 'stopped' | 'rebooted') {
    const { detail: _, ...exit } = this.#snapshot.exit ?? {}
    if (this.#snapshot.exit) this.#snapshot.exit = { ...exit, reason }
    this.touch()
  }

  /** Records what ended the agent. @param detail explanation, as a sentence */
  explain(detail: string) {
    const { exit } = this.#snapshot
    if (!exit || exit.detail !== undefined) return
    this.#snapshot.exit = { ...exit, detail }
    this.touch()
  }

  /** Records a new run, and drops the facts about the last run's end. */
  startRun(run: RunRecord) {
    this.run = run
    this.returning = false
    this.launching = {}
    this.#snapshot.exit = undefined
    this.#snapshot.failure = undefined
    this.#snapshot.turn_interrupted = run.turn_interrupted
    // Reset here, not on a journal line: the agent itself could write such a line.
    this.#snapshot.asked = undefined
    this.#snapshot.ids_reused = undefined
    move(this.#snapshot, 'launch', this.#now())
    this.touch()
  }

  /** Marks the status as changed. */
  touch() {
    this.revision = this.#context.nextRevision()
    this.#unsaved = 'changed'
    this.#context.onChange(this)
    this.#waiters.wake()
  }

  /**
   * Waits until `holds` returns true. It is checked after each change of the agent.
   * @returns false on a timeout, or if the agent was closed
   */
  until(holds: () => boolean, timeoutMs?: number, signal?: AbortSignal): Promise<boolean> {
    return this.#waiters.until(holds, timeoutMs, signal)
  }

  /** Records that bytes before `offset` are no longer on disk. */
  forget(offset: number) {
    this.begin = offset
    this.#unsaved = 'changed'
  }

  reply(requestId: string) {
    return this.#snapshot.replies.find((reply) => reply.request_id === requestId)
  }

  status(): AgentStatus {
    return statusOf(this, this.#context.clock.now())
  }

  /**
   * Writes `cursor.json` if its contents have changed. If the file is lost, part of the journal is read again.
   * @param changed write only if more than the read and acknowledged offsets have changed
   */
  save({ changed = false } = {}) {
    if (!this.#unsaved || (changed && this.#unsaved !== 'changed')) return
    writeCursor(this.folder.cursor, this.#snapshot, this)
    this.contact.onSaved()
    this.#unsaved = undefined
  }

  close() {
    this.journal.close()
    this.#waiters.close()
  }

  /** Like `Journal.lines`, but never throws: an unreadable journal must not end the daemon. */
  #lines(from: number, budget: number, visit: (line: Line) => undefined): number {
    let seen = from
    try {
      return this.journal.lines(from, budget, (line) => {
        visit(line)
        seen = line.end
        return undefined
      })
    } catch (error) {
      this.#context.onUnreadable(this, error)
      return seen
    }
  }

  #saveNow() {
    this.#unsaved = 'changed'
    try {
      this.save()
    } catch {
      // The disk is full; the next save retries.
    }
  }

  #take(line: Line, events: Event[]): boolean {
    const steps = events
      .filter(isWanted(this))
      .flatMap((event) => [
        () => this.inbox.heard(event),
        () => reduce(this.#snapshot, event, this.run.initialize_id, this.#now()),
        () => this.#settle(event),
        () => this.#context.onEvent(event),
        () => this.#refuse(REQUESTS_KEPT),
      ])
    this.#snapshot.offset = line.end
    this.#unsaved ??= 'grown'
    // A failing step must not hold back the lines that follow.
    return attempt([...steps, () => explainEnd(this.#snapshot, this)], (error) =>
      this.#context.onFailure(this, error),
    )
  }

  /** Refuses the runtime's unknown requests. @param least minimum number of requests to act on */
  #refuse(least = 1) {
    const { unknown_requests: requests, run } = this.#snapshot
    // An earlier run no longer waits for answers.
    if (requests && requests.length >= least && run === this.run.run) refuseUnknown(this.#snapshot, this)
  }

  /** Adopts the session of a resumed run once the run is ready. A failed run does not change the agent's session. */
  #settle(event: Event) {
    const { initialize_id: id, session, recall } = this.run
    if (event.kind === 'process_exited' && recall) this.explain(recall.why)
    const isAnswer = event.kind === 'reply' && event.request_id === id
    if (isAnswer && session?.mode === 'resume' && this.isReady) this.#snapshot.session_id = session.id
  }
}
