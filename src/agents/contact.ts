import { bootId } from '../platform/process-identity.ts'
import type { CursorRecord } from './records.ts'

/** What a server can know of a journal. A server that says it has more has it from another copy of this machine. */
export class Contact {
  /** Journal bytes that the server had for certain when it was last there. */
  #known: number
  /** Journal bytes that were ever sent, or may have been by an earlier daemon. */
  #told: number
  #linked = false
  /** `cursor.json` says that there is no server. */
  #written: boolean
  /** An earlier daemon has lost the server, and written down how things stood then. */
  readonly #inherited: boolean

  constructor(apart: CursorRecord['apart'], end: number) {
    this.#written = apart !== undefined
    // After a power failure it may be older than what was sent.
    const valid = apart !== undefined && apart.boot_id === bootId() && apart.told <= end
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

  /** What to write down: nothing while there is a server. */
  get apart(): CursorRecord['apart'] {
    return this.#linked ? undefined : { known: this.#known, told: this.#told, boot_id: bootId() }
  }

  /** The journal was read to its end, `end`, before anything was added to it here. */
  taken(end: number) {
    if (!this.#inherited) this.#known = this.#told = end
  }

  /** The journal is sent up to `to`. @returns whether that has to be written down first */
  begin(to: number): boolean {
    this.#told = Math.max(this.#told, to)
    this.#linked = true
    return this.#written
  }

  /** What no server has had begins at `offset` now. */
  moved(offset: number) {
    this.#known = offset
    this.#told = offset
  }

  /** @param acked journal bytes that it had */
  end(acked: number) {
    if (this.#linked) this.#known = acked
    this.#linked = false
  }

  saved() {
    this.#written = !this.#linked
  }
}
