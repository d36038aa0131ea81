import type { UserError } from '../../platform/errors.ts'
import type { AuditLog } from './audit-log.ts'
import type { CommandStore } from './commands.ts'
import type { Journals } from './journals.ts'
import type { KeyLists } from './keys.ts'
import type {
  AgentRecord,
  AgentRef,
  EnrollmentRecord,
  MachineRecord,
  PushRecord,
  SessionRecord,
} from './records.ts'
import type { BlockedRecord, RolloutRecord } from './rollout-records.ts'

/**
 * All data of a hub, stored in files or in a database. Methods that make changes return promises. Unless the
 * description of a method says otherwise, its promise resolves when the change is durable. The registries
 * load the records once and hold them in memory; `keys.refresh` updates the keys.
 */
export interface Store {
  readonly journals: Journals
  readonly agents: AgentStore
  readonly machines: MachineStore
  readonly commands: CommandStore
  readonly keys: KeyLists
  /** The tokens with which machines enroll. */
  readonly enrollments: RecordList<EnrollmentRecord>
  /** The sessions of browsers. */
  readonly sessions: RecordList<SessionRecord>
  /** The notifications of people. */
  readonly push: RecordList<PushRecord>
  /** Staged updates, oldest first. */
  readonly rollouts: RecordList<RolloutRecord>
  /** Versions that the hub orders nowhere. */
  readonly blocked: RecordList<BlockedRecord>
  readonly audit: AuditLog
  /** Durability of acknowledged changes in a database, by its settings. A store in files is always on the disk. */
  readonly durability?: { readonly level: Durability }

  /**
   * Returns the private key with which the hub identifies itself to push services, as PEM. Creates the key if
   * there is none.
   * @throws the system error
   */
  pushKey(): Promise<string>

  /**
   * Watches whether the store still belongs to this hub.
   * @param lost called once when the store no longer belongs to this hub; the hub must then be closed
   * @returns a function that stops watching
   */
  watch(lost: (reason: UserError) => void): () => void

  /** Writes all waiting changes, and releases the store, so that another hub may use it. */
  close(): Promise<void>
}

/**
 * Where a change is when it is acknowledged: also on a standby, on the disk of the store, or possibly only in its
 * memory.
 */
export type Durability = 'standby' | 'disk' | 'memory'

/** The agents of all machines. */
export interface AgentStore {
  /**
   * Reads all agents, and opens their journals. Called once.
   * @throws UserError if a newer version of the hub has written a record
   */
  load(): Promise<AgentRecord[]>

  /**
   * Returns a key for a new agent. No other agent has this key, and it is also the key of the agent's
   * journal.
   */
  newKey(ref: AgentRef): string

  /** Saves the latest state of a record soon. Many calls can cause a single write. Failures are retried. */
  saveSoon(record: AgentRecord): void

  /** Saves a record now. Resolves after the first attempt; a failed attempt is retried later. */
  save(record: AgentRecord): Promise<void>

  /** Deletes an agent with its journal. The key of the agent may be used again at once. */
  remove(key: string): Promise<void>
}

/** The machines that have connected and were not removed. */
export interface MachineStore {
  /** Reads all machines. Called once. @throws UserError if a newer version wrote them */
  load(): Promise<MachineRecord[]>

  /** Saves the latest state of a record soon. Many calls can cause a single write. Failures are retried. */
  saveSoon(record: MachineRecord): void

  /** Saves a record. If that fails, nothing changes. @throws the system error */
  save(record: MachineRecord): Promise<void>

  /** Deletes a machine's record. Resolves after the first attempt; a failed attempt is retried later. */
  remove(machineId: string): Promise<void>
}

/** A short list of records, which is stored as a whole. */
export interface RecordList<R> {
  all(): Promise<readonly R[]>

  /**
   * Replaces the list with the result of `edit`. Changes run one at a time. If a change fails, the list stays
   * the same.
   * @throws what `edit` throws, or the system error
   */
  change(edit: (all: readonly R[]) => readonly R[]): Promise<void>
}
