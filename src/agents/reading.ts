import type { Event } from '../protocol/index.ts'
import type { AgentContext } from './agent-context.ts'
import { attempt } from './attempt.ts'
import type { AgentFolder } from './disk/folder.ts'
import type { Inbox } from './disk/inbox.ts'
import type { Journal, Line } from './disk/journal.ts'
import type { Checkpoint, RunRecord, Snapshot, SpecRecord } from './disk/records.ts'
import { explainEnd } from './disk/stderr-tail.ts'
import { pushEvent } from './events/activity-frame.ts'
import { ConversationStates } from './events/conversation-states.ts'
import type { HeardLine } from './events/decode.ts'
import { hear } from './events/hear.ts'
import { runOf } from './run-of.ts'
import type { RuntimeAdapter } from './runtimes/runtime.ts'
import { explainExit } from './state/changes.ts'
import { DUE_KEPT, noteDue, sendDue } from './state/due-inputs.ts'
import { hasEnded } from './state/lifecycle.ts'
import { reduce } from './state/reduce.ts'
import { isWanted } from './state/replies.ts'
import { withoutSecrets } from './state/without-secrets.ts'

/** Maximum number of journal bytes read into the snapshot at once, so as not to block the event loop. */
const CATCH_UP_BYTES = 1024 * 1024

/** The parts of an agent that are needed to read its journal. */
export interface Read {
  folder: AgentFolder
  record: SpecRecord
  run: RunRecord
  runtime: RuntimeAdapter
  inbox: Inbox
  journal: Journal
}

export interface ReadingOptions<A> {
  snapshot: Snapshot
  checkpoints?: Checkpoint[]
  /** Returns the current time (ISO 8601). */
  now(): string
  context: Pick<AgentContext<A>, 'redactor' | 'onEvent' | 'onUnreadable' | 'onFailure'>
}

/**
 * Reads an agent's journal. Each line updates the snapshot once, and can be read again for a server. A line
 * always gives the same events. The inputs in response to a line are sent to the agent only once.
 */
export class Reading<A extends Read> {
  readonly #agent: A
  readonly #options: ReadingOptions<A>
  readonly states: ConversationStates

  constructor(agent: A, options: ReadingOptions<A>) {
    this.#agent = agent
    this.#options = options
    this.states = new ConversationStates(
      {
        after: (line, state) => this.#hear(line, state).state,
        lines: (from, budget, visit) => agent.journal.lines(from, budget, visit),
      },
      options.checkpoints,
    )
  }

  /**
   * Reads lines for a server, beginning at `from`. Lines that are new also update the snapshot.
   * @returns the events of the lines, the offset after the last line, and whether the agent's status has
   * changed
   */
  send(from: number, budget: number): { events: Event[]; to: number; changed: boolean } {
    const { isStateful } = this.#agent.runtime
    const events: Event[] = []
    let changed = false
    let state: unknown
    const find = () => {
      if (isStateful) state = this.states.before(from)
    }
    const visit = (line: Line) => {
      const heard = this.#hear(line, state)
      // The lines for the server include all lines that are not yet in the snapshot. So update the snapshot
      // while reading these lines.
      if (line.start >= this.#options.snapshot.offset) changed = this.#take(line, heard) || changed
      state = heard.state
      if (isStateful) this.states.note(line.end, state)
      for (const event of heard.events) pushEvent(events, event)
    }
    const to = this.#lines(from, budget, visit, find)
    this.sendDue()
    return { events, to, changed }
  }

  /**
   * Reads new lines into the snapshot.
   * @returns the offset after the last line, whether the agent's status has changed, and whether there may be
   * more lines
   */
  catchUp(): { to: number; changed: boolean; more: boolean } {
    const { snapshot } = this.#options
    const from = snapshot.offset
    let changed = false
    const to = this.#lines(from, CATCH_UP_BYTES, (line) => {
      const state = snapshot.conversation
      // Most lines of a journal do not change the snapshot. Skip them here; they are decoded when they are
      // sent.
      const heard = this.#agent.runtime.isSkippable(line.bytes)
        ? { events: [], inputs: [], state }
        : this.#hear(line, state)
      changed = this.#take(line, heard) || changed
    })
    this.sendDue()
    return { to, changed, more: to - from >= CATCH_UP_BYTES }
  }

  /** Sends the inputs that are due in response to the lines read so far. */
  sendDue() {
    sendDue(this.#options.snapshot, this.#agent)
  }

  #hear(line: Line, state: unknown): HeardLine {
    const { journal, runtime, record, run, inbox } = this.#agent
    const hasAccepted = (id: string) => inbox.hasAccepted(id)
    const hearing = { path: journal.path, conversation: runtime, run: runOf(record, run), hasAccepted }
    return hear(line, state, hearing)
  }

  /**
   * Like `Journal.lines`, but never throws: an unreadable journal must not end the daemon.
   * @param prepare called before the lines are read; it may read the journal itself, but `visit` may not
   */
  #lines(from: number, budget: number, visit: (line: Line) => void, prepare?: () => void): number {
    let seen = from
    try {
      prepare?.()
      return this.#agent.journal.lines(from, budget, (line) => {
        visit(line)
        seen = line.end
        return undefined
      })
    } catch (error) {
      this.#options.context.onUnreadable(this.#agent, error)
      return seen
    }
  }

  /** Updates the snapshot with a line. @returns whether the agent's status has changed */
  #take(line: Line, { events, inputs, state }: HeardLine): boolean {
    const { snapshot, now, context } = this.#options
    const { inbox, run, record } = this.#agent
    const place = { agentId: record.agent_id, offset: line.start }
    const steps = events
      .filter(isWanted(this.#agent))
      .flatMap((event) => [
        () => inbox.heard(event),
        () => reduce(snapshot, withoutSecrets(event, context.redactor), run.initialize_id, now()),
        () => this.#settle(event),
        () => context.onEvent(this.#agent, event),
      ])
    const due = () => {
      // After the agent's end, a leftover process may still write lines, but no process would read a reply.
      if (!hasEnded(snapshot.state)) noteDue(snapshot, inputs, place)
      if ((snapshot.due?.length ?? 0) >= DUE_KEPT) this.sendDue()
    }
    snapshot.offset = line.end
    snapshot.conversation = state
    // If a step fails, the daemon must still handle the following lines.
    return attempt(
      [...steps, due, () => explainEnd(snapshot, this.#agent, context.redactor.blank)],
      (error) => context.onFailure(this.#agent, error),
    )
  }

  /**
   * Records the session of a resumed run once the run is ready. A failed run does not change the agent's
   * session.
   */
  #settle(event: Event): boolean {
    const { snapshot } = this.#options
    const { run, initialize_id, session, recall } = this.#agent.run
    if (event.kind === 'process_exited' && recall) return explainExit(snapshot, recall.why)
    const isAnswer = event.kind === 'reply' && event.request_id === initialize_id
    const isReady = snapshot.run === run && snapshot.ready
    if (isAnswer && session?.mode === 'resume' && isReady) snapshot.session_id = session.id
    return false
  }
}
