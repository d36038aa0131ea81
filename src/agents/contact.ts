import { statSync } from 'node:fs'
import { bootId } from '../platform/process-identity.ts'
import type { Journal } from './journal.ts'
import type { CursorRecord } from './records.ts'

/** What a server can have of a journal. A server that has more got it before this machine was set back, or from a copy. */
export class Contact {
  /** Journal bytes that the server was certain to have when the link ended. */
  #known: number
  /** Journal bytes ever sent, including those that an earlier daemon may have sent. */
  #told: number
  #linked = false
  /** Whether `cursor.json` says that there is no server. */
  #written: boolean
  /** Whether an earlier daemon recorded `known` and `told` when its link ended. */
  readonly #inherited: boolean

  readonly #identity: () => string | undefined
  /** Undefined until there is a journal. */
  #files: string | undefined

  /**
   * @param spec path of the agent's specification
   * @param counts whether `apart` can be believed: no earlier version was there since
   */
  constructor(apart: CursorRecord['apart'], journal: Journal, spec: string, counts: boolean) {
    const end = journal.size()
    this.#identity = () => identity(journal, spec)
    this.#files = this.#identity()
    this.#written = apart !== undefined
    // A record from before a reboot is not trusted: a power failure may have lost a newer one. Nor is one about another
    // file: a copy was put in its place, and a server may have got more since the copy was made.
    const valid =
      counts &&
      apart !== undefined &&
      apart.boot_id === bootId() &&
      apart.told <= end &&
      (apart.file === undefined || apart.file === this.#files)
    this.#inherited = valid
    this.#known = valid ? apart.known : end
    this.#told = valid ? apart.told : end
  }

  get known() {
    return this.#known
  }

  get told() {
    return this.#told
  }

  /** The record for `cursor.json`; undefined while there is a server. */
  get apart(): CursorRecord['apart'] {
    if (this.#linked) return undefined
    this.#files ??= this.#identity()
    return { known: this.#known, told: this.#told, boot_id: bootId(), file: this.#files }
  }

  /** The journal has been read to its end, `end`, before this daemon added to it. */
  taken(end: number) {
    if (!this.#inherited) this.#known = this.#told = end
  }

  /** The journal is sent up to `to`. @returns whether the cursor has to be saved first */
  begin(to: number): boolean {
    this.#told = Math.max(this.#told, to)
    this.#linked = true
    return this.#written
  }

  /** The bytes that no server has had now begin at `offset`. */
  moved(offset: number) {
    this.#known = offset
    this.#told = offset
  }

  /** The link has ended. @param acked journal bytes that the server had by then */
  end(acked: number) {
    if (this.#linked) this.#known = acked
    this.#linked = false
  }

  saved() {
    this.#written = !this.#linked
  }
}

/**
 * Returns a string that tells an agent's files from copies put in their place. The inode alone does not: a copy can get
 * that of the deleted file, and not every file system knows when a file was made. The specification is written once, so
 * the time of its last change is that of the agent's start, or of the copy.
 */
function identity(journal: Journal, spec: string): string | undefined {
  const inode = journal.inode()
  const { ctimeMs = 0 } = statSync(spec, { throwIfNoEntry: false }) ?? {}
  return inode === undefined ? undefined : `${inode}-${ctimeMs}`
}
