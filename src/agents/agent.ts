import { type Clock, isoTime } from '../platform/clock.ts'
import { readJson } from '../platform/files.ts'
import type { AgentStatus, Event, PermissionRequest } from '../protocol/index.ts'
import { Contact } from './contact.ts'
import { readCursor, writeCursor } from './cursor.ts'
import type { AgentFolder } from './folder.ts'
import { type Frame, push } from './frame.ts'
import { Generations } from './generations.ts'
import { answeredId } from './ids.ts'
import { Inbox } from './inbox.ts'
import { Journal, type Line } from './journal.ts'
import { hasEnded, isInTurn } from './lifecycle.ts'
import { eventsOf } from './look-back.ts'
import { attempt } from './observe.ts'
import { ofThisBoot } from './of-this-boot.ts'
import { explainEnd } from './own-words.ts'
import { clearPending } from './pending.ts'
import { ProcessRecord, type RunRecord, type Snapshot, type SpecRecord } from './records.ts'
import { answered, emptySnapshot, move, REQUESTS_KEPT, reduce } from './reduce.ts'
import { refuseUnknown } from './refuse.ts'
import type { Input, Runtime } from './runtimes/runtime.ts'
import { statusOf } from './status.ts'
import { Waiters } from './waiters.ts'

/** Journal bytes taken into the snapshot in one go; more would hold up the event loop. */
const CATCH_UP_BYTES = 1024 * 1024

export interface AgentContext {
  clock: Clock
  /** A number higher than any this machine has used for a status. */
  nextRevision(): number
  /** Whether the records of what a server was told can be believed (`isCurrent`). */
  toldCounts: boolean
  /** Something that a status tells has changed. */
  changed(agent: Agent): void
  /** An event of the journal was seen for the first time. */
  observed(event: Event): void
  /** The journal could not be read further, for instance because its disk fails. It is tried again. */
  unreadable(agent: Agent, error: unknown): void
  /** Something that follows from a line could not be done. Reading goes on behind it. */
  failed(agent: Agent, error: unknown): void
}

/**
 * One agent as this daemon knows it: its folder, read. Knows nothing of processes or of the link; those move it by
 * `put`, `beginStop` and `ended…`, and read it by `read` and `status`.
 */
export class Agent {
  readonly folder: AgentFolder
  readonly record: SpecRecord
  readonly runtime: Runtime
  readonly inbox: Inbox
  readonly journal: Journal
  readonly generations: Generations
  readonly contact: Contact
  run: RunRecord
  /** Bytes that the server has. */
  acked: number
  /** First byte still on disk. */
  begin: number
  /** Bytes handed to the link. Between `acked` and the journal's end. */
  sent: number
  revision: number
  /** Until when an automatic restart is held back (ms since 1970). */
  heldUntil: number | undefined
  /** When its run was queued for launch (ISO 8601), and whether it is slow to become ready. */
  launching: { queuedSince?: string | undefined; slow?: true } = {}
  /** Ended, but started again in a moment: what is said to it then is kept for its next run. */
  returning = false
  readonly #context: AgentContext
  readonly #snapshot: Snapshot
  readonly #waiters: Waiters
  #process: ProcessRecord | undefined
  /** `changed`: also what the journal does not tell. */
  #unsaved: 'grown' | 'changed' | undefined
  readonly #now = () => isoTime(this.#context.clock.now())
  readonly #decode = (line: Line) => eventsOf(line, this.journal.path, this.runtime.decode)

  constructor(
    folder: AgentFolder,
    record: SpecRecord,
    run: RunRecord,
    runtime: Runtime,
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
    this.generations = new Generations(folder.generations, this.journal)
    const cursor = readCursor(folder.cursor, this.journal)
    this.contact = new Contact(cursor?.apart, this.journal, this.folder.spec, context.toldCounts)
    this.acked = cursor?.acked ?? 0
    this.begin = cursor?.begin ?? 0
    this.#snapshot = cursor?.snapshot ?? emptySnapshot(this.#now())
    // Answered by a daemon that did not live to write its cursor.
    this.#snapshot.pending = this.#snapshot.pending.filter(
      (request) => !this.inbox.accepted(answeredId(this.id, request)),
    )
    this.sent = this.acked
    this.revision = context.nextRevision()
  }

  get id() {
    return this.record.agent_id
  }

  get snapshot(): Readonly<Snapshot> {
    return this.#snapshot
  }

  get ended() {
    return hasEnded(this.#snapshot.state)
  }

  /** Whether the run in `run.json` is over. Before its first journal line the journal still speaks of the run before. */
  get runEnded() {
    return this.#snapshot.run === this.run.run && this.ended
  }

  get ready() {
    return this.#snapshot.run === this.run.run && this.#snapshot.ready
  }

  /** The processes of the present run, once its launcher has written them down. */
  get process(): ProcessRecord | undefined {
    if (this.#process?.run === this.run.run) return this.#process
    const read = readJson(this.folder.process, ProcessRecord)
    this.#process = read.ok && read.value.run === this.run.run ? ofThisBoot(read.value, this) : undefined
    return this.#process
  }

  /** Journal bytes that the server does not have. */
  get backlog() {
    return this.#snapshot.offset - this.acked
  }

  /**
   * The next whole lines behind `sent`, as a frame of about `budget` journal bytes. A line longer than that comes alone.
   * @returns undefined while there is none
   */
  read(budget: number): Frame | undefined {
    const from = this.sent
    const journal = this.generations.at(from)
    const end = this.generations.endOf(from)
    const events: Event[] = []
    let changed = false
    const to = this.#lines(from, Math.min(budget, end - from), (line) => {
      const decoded = this.#decode(line)
      // Caught up: the same reading serves the snapshot.
      if (line.start >= this.#snapshot.offset) changed = this.#take(line, decoded) || changed
      for (const event of decoded) push(events, event)
      return undefined
    })
    if (to === from) return undefined
    this.sent = to
    this.#refuse()
    // A record from the time without a server must not survive the first frame.
    if (this.contact.begin(to)) this.#saveNow()
    if (changed) this.touch()
    else this.#waiters.wake()
    return { from, to, ...(journal !== undefined && { journal }), events, more: to >= end }
  }

  /** Takes what is behind the snapshot into it, whatever the link does. @returns whether there may be more */
  catchUp(): boolean {
    const from = this.#snapshot.offset
    let changed = false
    const to = this.#lines(from, CATCH_UP_BYTES, (line) => {
      // Most of a journal is talk, which is decoded when it is sent: once is enough.
      const events = this.runtime.isTalk(line.bytes) ? [] : this.#decode(line)
      changed = this.#take(line, events) || changed
      return undefined
    })
    this.#refuse()
    if (changed) this.touch()
    else if (to > from) this.#waiters.wake()
    return to - from >= CATCH_UP_BYTES
  }

  /** The server has the journal up to `offset`. */
  acknowledge(offset: number) {
    if (offset <= this.acked) return
    this.acked = Math.min(offset, this.#snapshot.offset)
    this.sent = Math.max(this.sent, this.acked)
    this.#unsaved ??= 'grown'
  }

  /** The server stands at `offset`, and the sending goes on from there: also when it had been further, and lost that. */
  rewind(offset: number) {
    this.acked = Math.min(Math.max(offset, this.begin), this.#snapshot.offset)
    this.sent = this.acked
    this.#unsaved ??= 'grown'
  }

  /**
   * Begins a new generation of the journal for a server that has the journal up to `offset`. Moves everything that no
   * server has had to that offset, or the whole journal if the server has less than this daemon knew of.
   * @throws the system's error
   */
  beginGeneration(offset: number) {
    const unknown = this.journal.lineStart(this.contact.known) ?? this.#snapshot.offset
    const from = unknown <= offset ? unknown : this.begin
    const where = { from, to: Math.max(offset, from), running: !this.ended, time: this.#now() }
    this.#snapshot.offset += this.generations.begin(this.journal, where)
    this.contact.moved(offset)
    this.#saveNow()
    this.touch()
  }

  /** The server has gone. */
  parted() {
    this.contact.end(this.acked)
    this.#unsaved = 'changed'
  }

  /** The journal of earlier daemons has been read to its end, before this daemon added to it. */
  taken() {
    this.contact.taken(this.#snapshot.offset)
    this.#unsaved = 'changed'
  }

  /** Answers a permission request: once, whoever does. @throws the file system's error, with nothing done */
  answer({ request_id, digest }: PermissionRequest, input: Input) {
    const marks = [answeredId(this.id, { request_id }), answeredId(this.id, { request_id, digest })]
    this.inbox.put(input, { marks })
    if (answered(this.#snapshot, request_id, this.#now())) this.touch()
  }

  /** The agent has confirmed other settings. */
  configured(settings: Pick<Snapshot, 'model' | 'permission_mode'>) {
    if (settings.model !== undefined) this.#snapshot.model = settings.model
    if (settings.permission_mode !== undefined) this.#snapshot.permission_mode = settings.permission_mode
    this.touch()
  }

  /** A stop was asked for: the coming end is read as that, by the next daemon too. */
  beginStop(cause: 'stopped' | 'rebooted') {
    this.#snapshot.stopping = cause
    if (isInTurn(this.#snapshot.state)) this.#snapshot.interrupted = true
    move(this.#snapshot, 'stop', this.#now())
    this.touch()
    this.#saveNow()
  }

  /** The present run could not be launched. */
  failed(code: string, message: string) {
    clearPending(this.#snapshot)
    Object.assign(this.#snapshot, { run: this.run.run, ready: false, failure: { code, message } })
    this.#snapshot.state = 'failed'
    this.#snapshot.since = this.#now()
    this.touch()
    // Otherwise the next daemon would launch it.
    this.#saveNow()
  }

  /** Its restart policy wants it back, and this machine does not let it be started at present. */
  notResumed(code: string, message: string) {
    this.#snapshot.failure = { code, message }
    this.touch()
  }

  /** Its end was asked for, by a signal that did not come from here. */
  endedBy(reason: 'stopped' | 'rebooted') {
    const { detail: _, ...exit } = this.#snapshot.exit ?? {}
    if (this.#snapshot.exit) this.#snapshot.exit = { ...exit, reason }
    this.touch()
  }

  /** It is known who ended it. @param detail in a sentence */
  explain(detail: string) {
    const { exit } = this.#snapshot
    if (!exit || exit.detail !== undefined) return
    this.#snapshot.exit = { ...exit, detail }
    this.touch()
  }

  /** A new run was written down: what was known of the last one's end is history. */
  begun(run: RunRecord) {
    this.run = run
    this.returning = false
    this.launching = {}
    this.#snapshot.exit = undefined
    this.#snapshot.failure = undefined
    this.#snapshot.turn_interrupted = run.turn_interrupted
    // Not by the journal's word: the agent can write there that a run has started.
    this.#snapshot.asked = undefined
    this.#snapshot.ids_reused = undefined
    move(this.#snapshot, 'launch', this.#now())
    this.touch()
  }

  /** Something that a status tells has changed. */
  touch() {
    this.revision = this.#context.nextRevision()
    this.#unsaved = 'changed'
    this.#context.changed(this)
    this.#waiters.wake()
  }

  /**
   * Waits until `holds`, which may depend on anything here.
   * @returns whether it held within `timeoutMs` and before the agent was closed
   */
  until(holds: () => boolean, timeoutMs?: number, signal?: AbortSignal): Promise<boolean> {
    return this.#waiters.until(holds, timeoutMs, signal)
  }

  /** Bytes before `offset` are no longer on disk. */
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
   * Writes `cursor.json` if there is anything new in it. Losing it costs reading a part of the journal again.
   * @param changed only if there is more to it than how far the journal was read and acknowledged
   */
  save({ changed = false } = {}) {
    if (!this.#unsaved || (changed && this.#unsaved !== 'changed')) return
    const { acked, begin } = this
    writeCursor(this.folder.cursor, { acked, begin, snapshot: this.#snapshot, apart: this.contact.apart })
    this.contact.saved()
    this.#unsaved = undefined
  }

  close() {
    this.journal.close()
    this.#waiters.close()
  }

  /** As the journal's, but one that cannot be read must not end the daemon, which has other agents. */
  #lines(from: number, budget: number, visit: (line: Line) => undefined): number {
    let seen = from
    try {
      return this.journal.lines(from, budget, (line) => {
        visit(line)
        seen = line.end
        return undefined
      })
    } catch (error) {
      this.#context.unreadable(this, error)
      return seen
    }
  }

  #saveNow() {
    this.#unsaved = 'changed'
    try {
      this.save()
    } catch {
      // A full disk: the next save includes it.
    }
  }

  #take(line: Line, events: Event[]): boolean {
    const steps = events.flatMap((event) => [
      () => this.inbox.heard(event),
      () => reduce(this.#snapshot, event, this.run.initialize_id, this.#now()),
      () => this.#settle(event),
      () => this.#context.observed(event),
      () => this.#refuse(REQUESTS_KEPT),
    ])
    this.#snapshot.offset = line.end
    this.#unsaved ??= 'grown'
    // A line that one of them cannot deal with must not keep back the lines behind it.
    return attempt([...steps, () => explainEnd(this.#snapshot, this)], (error) =>
      this.#context.failed(this, error),
    )
  }

  /** Refuses what the runtime asked for and nobody can answer. @param least requests from which it is worth it */
  #refuse(least = 1) {
    const { unknown_requests: requests, run } = this.#snapshot
    // Nobody waits in an earlier run.
    if (requests && requests.length >= least && run === this.run.run) refuseUnknown(this.#snapshot, this)
  }

  /** Adopts the session of a resumed run once the run is ready. A run that fails leaves the agent's session as it was. */
  #settle(event: Event) {
    const { initialize_id: id, session, recall } = this.run
    if (event.kind === 'process_exited' && recall) this.explain(recall.why)
    if (event.kind !== 'reply' || event.request_id !== id || session?.mode !== 'resume') return
    if (this.ready) this.#snapshot.session_id = session.id
  }
}
