import { statSync } from 'node:fs'
import { bootId } from '../../platform/process-identity.ts'
import type { Journal } from './journal.ts'
import type { CursorRecord } from './records.ts'

/**
 * Tracks how many journal bytes a server can have. If a server has more bytes, it received them before this
 * journal was rolled back, or from a copy of this journal.
 */
export class ServerCopy {
  /** Number of journal bytes that the server certainly had when the connection ended. */
  #known: number
  /** Number of journal bytes ever sent, including bytes that an earlier daemon may have sent. */
  #told: number
  #linked = false
  /** True if `cursor.json` contains `apart`. */
  #written: boolean
  /** True if an earlier daemon recorded `known` and `told` when its connection ended. */
  readonly #inherited: boolean

  readonly #identity: () => string | undefined
  /** Identity of the agent's files; undefined until there is a journal. */
  #files: string | undefined

  /**
   * @param spec path of the agent's specification
   * @param counts true if no earlier version of the daemon has run since `apart` was written, so that `apart`
   * is reliable
   */
  constructor(apart: CursorRecord['apart'], journal: Journal, spec: string, counts: boolean) {
    const end = journal.size()
    this.#identity = () => identity(journal, spec)
    this.#files = this.#identity()
    this.#written = apart !== undefined
    // Do not trust a record that was written before the last reboot, because a power failure may have lost a
    // newer record. Do not trust a record about another file either: if the journal is a copy, a server may
    // have received more after the copy was made.
    const valid =
      counts &&
      apart !== undefined &&
      apart.boot_id === bootId() &&
      apart.told <= end &&
      apart.file === this.#files
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

  /** The record for `cursor.json`; undefined during a connection. */
  get apart(): CursorRecord['apart'] {
    if (this.#linked) return undefined
    this.#files ??= this.#identity()
    return { known: this.#known, told: this.#told, boot_id: bootId(), file: this.#files }
  }

  /**
   * Records that the journal was read to its end, the offset `end`. Called before this daemon adds to the
   * journal.
   */
  onCaughtUp(end: number) {
    if (!this.#inherited) this.#known = this.#told = end
  }

  /**
   * Records that the journal is about to be sent up to `to`.
   * @param drop invalidates the record `apart` on the disk, which is valid only while nothing is sent. Returns
   * false if that is impossible now
   * @returns false if nothing may be sent yet
   */
  begin(to: number, drop: () => boolean): boolean {
    const wasLinked = this.#linked
    this.#linked = true
    if (this.#written && !drop()) {
      this.#linked = wasLinked
      return false
    }
    this.#written = false
    this.#told = Math.max(this.#told, to)
    return true
  }

  /** Records that no server has received bytes after `offset`, for example because they were moved there. */
  rewind(offset: number) {
    this.#known = offset
    this.#told = offset
  }

  /**
   * Records the end of the connection.
   * @param acked number of journal bytes that the server had acknowledged
   */
  end(acked: number) {
    if (this.#linked) this.#known = acked
    this.#linked = false
  }

  onSaved() {
    this.#written = !this.#linked
  }
}

/**
 * Returns a string that distinguishes an agent's files from copies that have replaced these files. The inode
 * alone is not enough, because a copy can get the inode of the deleted file, and not every file system stores
 * creation times. The specification is written only once. Its change time is therefore the time of the
 * agent's start, or of the copy.
 */
function identity(journal: Journal, spec: string): string | undefined {
  const inode = journal.inode()
  const { ctimeMs = 0 } = statSync(spec, { throwIfNoEntry: false }) ?? {}
  return inode === undefined ? undefined : `${inode}-${ctimeMs}`
}
