/** A range of lines, by number. */
export interface LineRange {
  from: number
  to: number
}

/** Numbered lines, which never change. Beyond a limit, the oldest lines are deleted. */
export interface AuditLog {
  /** Number of the oldest line. */
  readonly first: number

  /** Number of the newest line, which may not be durable yet. */
  readonly newest: number

  /** Number of characters not yet durable. */
  readonly waiting: number

  /** Adds a line; the next flush makes it durable. @param make returns the line with the given number */
  add(make: (n: number) => string): void

  /**
   * Resolves when all lines added before this call are durable.
   * @returns the range of old lines that were deleted, if any
   * @throws the system error; the next flush retries
   */
  flush(): Promise<LineRange | undefined>

  /** Yields the lines in batches, beginning with line `from` or an earlier line. */
  read(from: number): AsyncIterable<string[]>

  /** Yields the lines in batches, newest batch first; each batch is in order. */
  readBack(): AsyncIterable<string[]>
}
