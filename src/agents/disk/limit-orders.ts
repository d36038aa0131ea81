import * as z from 'zod/mini'
import { writeAtomic } from '../../platform/files.ts'
import { Offset } from '../../protocol/index.ts'
import { readRecord } from './read-record.ts'
import type { Snapshot } from './records.ts'

/** `limit.json`: what the agent does at a usage limit, according to orders that came after its start. */
const LimitRecord = z.object({
  version: z.literal(1),
  on_limit: z.optional(z.string()),
  /**
   * Offset of the line that reports a usage limit. The agent no longer waits for the reset of this limit or
   * of an earlier limit, because a person has ended the wait.
   */
  ended_wait: z.optional(Offset),
})
type LimitRecord = z.infer<typeof LimitRecord>

/** Orders for an agent whose turn ends at the usage limit of its account. */
export class LimitOrders {
  /**
   * A later reset of the limit, which another agent of the account has reported. If `until` is missing, the
   * time of the later reset is unknown.
   */
  postponed: { until?: string } | undefined
  readonly #path: string
  readonly #first: string | undefined
  #record: LimitRecord = { version: 1 }

  /**
   * @param first order from the agent's specification
   * @param journalBytes size of the journal
   * @throws the system error
   */
  constructor(path: string, first: string | undefined, journalBytes: number) {
    this.#path = path
    this.#first = first
    const read = readRecord(path, LimitRecord)
    if (read.ok) this.#record = read.value
    // The disk may have lost the journal or its end. New limits are then at offsets below the recorded offset.
    if ((this.#record.ended_wait ?? 0) > journalBytes) this.#endUpTo(journalBytes)
  }

  get onLimit(): string | undefined {
    return this.#record.on_limit ?? this.#first
  }

  /** Gives another order, which also applies to a limit that is already reached. @throws the system error */
  order(on_limit: string) {
    this.#save({ version: 1, on_limit })
  }

  /** Reports whether the agent waits for the reset of the limit at this offset. */
  isWaitFor({ at }: { at: number }): boolean {
    return this.onLimit === 'wait' && at > (this.#record.ended_wait ?? -1)
  }

  /** Ends the wait for this reset. If the disk is full, only this daemon remembers it: a stop must not fail. */
  endWait({ at }: { at: number }) {
    if (this.isWaitFor({ at })) this.#endUpTo(at)
  }

  /**
   * Moves the journal's end, which may contain the limit's line. If the cursor is lost, the next daemon finds
   * the line at another offset, and an ended wait must not begin again.
   * @param move moves the bytes, and returns the distance by which the journal's end has moved
   * @returns the result of `move`
   */
  acrossMove({ limit, offset }: Pick<Snapshot, 'limit' | 'offset'>, move: () => number): number {
    if (!limit || this.onLimit !== 'wait' || this.isWaitFor(limit)) return move()
    let shift = 0
    // Only the move determines the new offset. Until then, the record must include it, because the machine may
    // lose power in the meantime. The next daemon replaces this record with the end of the journal.
    this.#endUpTo(Number.MAX_SAFE_INTEGER)
    try {
      shift = move()
    } finally {
      this.#endUpTo(offset + shift)
    }
    return shift
  }

  #endUpTo(ended_wait: number) {
    this.#record = { ...this.#record, ended_wait }
    try {
      this.#save(this.#record)
    } catch {
      // The next order writes the file.
    }
  }

  #save(record: LimitRecord) {
    writeAtomic(this.#path, JSON.stringify(record), { durable: true })
    this.#record = record
  }
}
