import * as z from 'zod/mini'
import type { LineRange } from './audit-log.ts'
import { CommandLineRecord } from './commands.ts'
import type { LineHead } from './journal-line.ts'
import { KeyEntry } from './key-entry.ts'
import type { MigrationRecord } from './migration-record.ts'
import {
  type AgentRecord,
  EnrollmentRecord,
  MachineRecord,
  PushRecord,
  SessionRecord,
  UserKeyEntry,
} from './records.ts'
import { BlockedRecord, RolloutRecord } from './rollout-records.ts'
import type { Store } from './store.ts'

/** Schemas of the lists in a store, by name. Everything else in a store is a history or the audit log. */
export const LISTS = {
  machines: MachineRecord,
  commands: CommandLineRecord,
  keys: KeyEntry,
  'user keys': UserKeyEntry,
  enrollments: EnrollmentRecord,
  sessions: SessionRecord,
  push: PushRecord,
  'push key': z.object({ pem: z.string() }),
  rollouts: RolloutRecord,
  'blocked versions': BlockedRecord,
}
export type ListName = keyof typeof LISTS
export type ListOf<N extends ListName> = z.infer<(typeof LISTS)[N]>

/** The part of the contents that has each kind of data. A kind that is missing here does not compile. */
const KEPT_IN = {
  journals: 'agents',
  agents: 'agents',
  machines: 'machines',
  commands: 'commands',
  keys: ['keys', 'user keys'],
  enrollments: 'enrollments',
  sessions: 'sessions',
  push: 'push',
  rollouts: 'rollouts',
  blocked: 'blocked versions',
  audit: 'audit',
  pushKey: 'push key',
} as const satisfies Record<
  Exclude<keyof Store, 'durability' | 'watch' | 'close'>,
  ListName | readonly ListName[] | 'agents' | 'audit'
>

/** The names of all lists. */
export const LIST_NAMES: readonly ListName[] = Object.values(KEPT_IN)
  .flat()
  .filter((name): name is ListName => name in LISTS)

/**
 * Called with a part of a sentence about something that cannot be read. A hub works without a record or line that it
 * cannot read. It does not use a list that it cannot read.
 */
export type Damaged = (problem: string, what: 'record' | 'list') => void

/** An agent in its stored form. */
export interface StoredAgent {
  key: string
  /** Absent if the store has only its history. */
  record: Omit<AgentRecord, 'key'> | undefined
  /** End and size of its history, if the store keeps them apart from the history. */
  end?: { head: LineHead | undefined; have: number; bytes: number }
}

/** A line of a history in its stored form. */
export interface StoredLine {
  head: LineHead
  bytes: Buffer
}

export interface AuditLine {
  n: number
  line: string
}

/** Something that a check has found. */
export interface Finding {
  /** `note`: the hub can work with it, and nothing is lost. */
  level: 'problem' | 'note'
  kind:
    | 'gap'
    | 'overlap'
    | 'double'
    | 'offset'
    | 'unreadable'
    | 'orphan'
    | 'migration'
    | 'running'
    | 'recovery'
  message: string
}

/** Everything in a store, in its stored form. */
export interface Contents {
  /** Name of the store for people: a folder, or the address of a database without its password. */
  readonly place: string

  size(): Promise<{ agents: number; bytes: number }>

  /** Yields all agents that are not being removed, without records that no hub uses. */
  agents(damaged: Damaged): AsyncIterable<StoredAgent[]>

  /** Reports whether there is still an agent or a history with this key. */
  hasAgent(key: string): Promise<boolean>

  /** Yields the lines of a history that begin after this offset, in the order in which they are stored. */
  lines(key: string, after: number, damaged: Damaged): AsyncIterable<StoredLine[]>

  list<N extends ListName>(name: N, damaged: Damaged): Promise<ListOf<N>[]>

  audit(): AsyncIterable<AuditLine[]>

  migration(): Promise<MigrationRecord | undefined>

  /** Returns what only this kind of store can have. */
  findings(): Promise<Finding[]>

  close(): Promise<void>
}

/** Lines for one agent. */
export interface Addition {
  key: string
  /** Offset at which the stored history ends. */
  have: number
  lines: StoredLine[]
  /** The record, with the last lines of an agent. */
  record?: StoredAgent['record']
}

/** The contents of a store that no hub can use meanwhile. Each change is durable when its promise resolves. */
export interface WritableContents extends Contents {
  /** Returns the last line of a history. Removes lines that a crash left incomplete. */
  last(key: string): Promise<StoredLine | undefined>

  /** Stores each addition whole or not at all. */
  add(additions: readonly Addition[]): Promise<void>

  removeAgent(key: string): Promise<void>

  replaceList<N extends ListName>(name: N, records: readonly ListOf<N>[]): Promise<void>

  /** Replaces the audit log. @returns the range of its lines */
  replaceAudit(lines: AsyncIterable<AuditLine[]>): Promise<LineRange | undefined>

  setMigration(record: MigrationRecord): Promise<void>
}
