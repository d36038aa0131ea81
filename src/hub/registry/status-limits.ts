import { type AgentStatus, Limits } from '../../protocol/index.ts'
import { shownLength } from './client-json.ts'
import { shortened } from './short-status.ts'

/**
 * Maximum total length, in UTF-16 units as sent to clients. It applies to the statuses of one machine's
 * agents, and to all statuses in a list. The hub keeps the statuses in memory, and clients must read them.
 */
const MOST_CHARS = Limits.frame_bytes

interface Holder {
  machine_id: string
}

/** Limits the statuses of each machine. Beyond the limit, a status is kept in its short form. */
export class StatusLimits {
  readonly #used = new Map<string, number>()
  readonly #chars = new WeakMap<Holder, number>()

  /**
   * Returns the status in the form in which the hub keeps it, and counts this form instead of the agent's
   * previous status.
   */
  fit<S extends AgentStatus>(holder: Holder, status: S): S {
    this.leave(holder)
    const used = this.#used.get(holder.machine_id) ?? 0
    const chars = shownLength(status)
    if (used + chars <= MOST_CHARS) {
      this.#count(holder, chars)
      return status
    }
    const short = shortened(status)
    this.#count(holder, shownLength(short))
    return short
  }

  /** Returns a function that converts a status to its form in a list of all agents. */
  inList() {
    const share = this.#share()
    const listed = new Map<string, number>()
    return <S extends AgentStatus>(holder: Holder, status: S): S => {
      const { machine_id } = holder
      const chars = (listed.get(machine_id) ?? 0) + (this.#chars.get(holder) ?? 0)
      if (chars > share) return shortened(status)
      listed.set(machine_id, chars)
      return status
    }
  }

  /** Stops counting the status of a removed agent. */
  leave(holder: Holder) {
    this.#count(holder, -(this.#chars.get(holder) ?? 0))
    this.#chars.delete(holder)
  }

  /**
   * Returns each machine's share of a list. If the statuses of a machine are short, the other machines get
   * the unused part of its share.
   */
  #share(): number {
    let left = MOST_CHARS
    let others = this.#used.size
    for (const used of [...this.#used.values()].sort((a, b) => a - b)) {
      if (used > left / others) return left / others
      left -= used
      others--
    }
    return MOST_CHARS
  }

  #count(holder: Holder, chars: number) {
    this.#chars.set(holder, chars)
    const used = (this.#used.get(holder.machine_id) ?? 0) + chars
    if (used > 0) this.#used.set(holder.machine_id, used)
    else this.#used.delete(holder.machine_id)
  }
}
