import type { Emitter } from '../../platform/emitter.ts'
import type { Activity, AnyEvent } from '../../protocol/index.ts'
import type { EventId } from './event-id.ts'

/**
 * The result for a frame. `taken`: the frame will be stored. `known`: it contains nothing new. `gap`:
 * activity before it is missing. `full`: too much activity is waiting to be stored.
 */
export type Verdict = 'taken' | 'known' | 'gap' | 'full'

/** The reason why activity cannot be stored now. */
export interface StoreProblem {
  code: 'disk_full' | 'disk_error'
  message: string
  remedy: string
}

/** Offsets and size of an agent's journal. */
export interface JournalState {
  /** Journal offset up to which everything is durable. */
  readonly have: number
  /** Machine offset up to which everything is durable. The hub acknowledges this offset to the daemon. */
  readonly ackOffset: number
  /** Machine offset from which the daemon should continue. */
  readonly wantedOffset: number
  /** Offset in the store minus offset on the machine, in bytes. */
  readonly shift: number
  /** Generation of the machine's journal; undefined if it has no name. */
  readonly journal: string | undefined
  /** Size of the stored events, in bytes. */
  readonly bytes: number
}

/** A batch of consecutive durable events of a journal. */
export interface EventBatch {
  events: AnyEvent[]
  /** The next batch continues after this id: the end of `events`, or of a range without events. */
  last: EventId
  /** Number of stored bytes read. */
  bytes: number
  /** True if the journal had no further durable events when the batch was read. */
  isEnd: boolean
}

/** Reads a journal forward. */
export interface EventReader {
  /**
   * Returns the next events: about 256 KiB, but at least one stored frame. At the end of the journal, the
   * batch is empty.
   */
  next(): Promise<EventBatch>
}

/** A batch of consecutive durable events of a journal, read backward. */
export interface EarlierBatch {
  /** The events, in ascending order. */
  events: AnyEvent[]
  /** The next batch contains events before this id: the begin of `events`, or of a range without events. */
  first: EventId
  /** Number of stored bytes read. */
  bytes: number
  /** True if the journal has no earlier events. */
  isBeginning: boolean
}

/** Reads a journal backward. */
export interface BackwardReader {
  /**
   * Returns the last events before those of the previous batch: at most `most` events, from about 256 KiB, but at
   * least one stored frame. At the beginning of the journal, the batch is empty.
   */
  next(most: number): Promise<EarlierBatch>
}

/**
 * The journals of all agents. Each event is stored exactly once and in order. `key` identifies an agent
 * (`Agents`). Calls for one agent take effect in the order in which they are made.
 */
export interface Journals {
  readonly events: Pick<Emitter<JournalEvents>, 'on'>

  /** The reason why activity cannot be stored now; undefined if it can be stored. */
  readonly problem: StoreProblem | undefined

  /** Opens a journal, so that its state is known to this hub. A new agent's journal is empty. */
  open(key: string): Promise<void>

  /**
   * Returns the state of an open journal, which changes as the journal grows. Before `open`, the state is
   * that of an empty journal.
   */
  stateOf(key: string): JournalState

  /**
   * Takes a frame. Once the events of the frame are durable, `committed` is emitted. A failed write is
   * retried until it succeeds.
   * @param machineId machine that sent the frame
   * @param activity must not end after `MAX_OFFSET` in the store
   * @param begin first byte that the machine still has; earlier activity is not requested
   */
  take(key: string, machineId: string, activity: Activity, begin: number): Promise<Verdict>

  /** Reports whether there is room for more of an agent's activity. */
  hasRoom(key: string): boolean

  /** Returns the number of characters of a machine's activity that are not durable yet. */
  waitingOf(machineId: string): number

  /**
   * Switches an agent to another journal of its machine. Keeps the stored events, and appends the machine's
   * journal, beginning at the journal's offset `from`. Resolves when the change is durable; on failure,
   * nothing changes.
   */
  turn(key: string, from: number): Promise<void>

  /** Returns a reader of the events after `after`. */
  read(key: string, after: EventId): EventReader

  /** Returns a reader of the events before `before`, from the last event to the first. */
  readBackward(key: string, before: EventId): BackwardReader
}

export interface JournalEvents {
  /**
   * Emitted when these agents have more durable events. At that time, there may again be room for activity of
   * other agents, too. `durationMs` is the duration of the write, if the store measures it.
   */
  committed: [keys: string[], durationMs?: number]
  /** Emitted when this agent has been switched to another journal, which adds an event and changes offsets. */
  turned: [key: string]
}
