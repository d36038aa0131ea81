import type { Clock } from '../platform/clock.ts'
import type { Event } from '../protocol/index.ts'
import type { AgentFolder } from './disk/folder.ts'
import type { RunRecord, SpecRecord } from './disk/records.ts'
import type { RuntimeAdapter } from './runtimes/runtime.ts'
import type { Redactor } from './state/without-secrets.ts'

/** An agent's folder, the records in it, and the runtime that these records name. */
export interface AgentRecords {
  folder: AgentFolder
  record: SpecRecord
  run: RunRecord
  runtime: RuntimeAdapter
}

/** The functions and data of the daemon that an agent (`A`) uses. */
export interface AgentContext<A> {
  clock: Clock
  nextRevision(): number
  redactor: Redactor
  /** True if the cursors record everything that was sent to a server (`isCurrent`). */
  toldCounts: boolean
  /** Called when the agent's status has changed. */
  onChange(agent: A): void
  onEvent(agent: A, event: Event): void
  /** Called when reading the journal fails, for example because of a disk error. The daemon will retry. */
  onUnreadable(agent: A, error: unknown): void
  /** Called when handling a line of the journal fails. Reading continues after that line. */
  onFailure(agent: A, error: unknown): void
}
