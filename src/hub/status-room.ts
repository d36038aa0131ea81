import { type AgentStatus, Limits } from '../protocol/index.ts'

/** What the statuses of one machine's agents may be in all, in characters of JSON: they are in memory, and in every list. */
const MOST_CHARS = Limits.frame_bytes
/** Longest folder in the short form of a status. */
const CWD_CHARS = 1024

interface Holder {
  machine_id: string
}

/** Room for statuses, for each machine. Beyond it, a status is kept in its short form. */
export class StatusRoom {
  readonly #used = new Map<string, number>()
  readonly #chars = new WeakMap<Holder, number>()

  /** The status as it is to be kept, in place of the one before. */
  fit<S extends AgentStatus>(holder: Holder, status: S): S {
    this.leave(holder)
    const used = this.#used.get(holder.machine_id) ?? 0
    const chars = JSON.stringify(status).length
    if (used + chars <= MOST_CHARS) {
      this.#count(holder, chars)
      return status
    }
    const short = shortened(status)
    this.#count(holder, JSON.stringify(short).length)
    return short
  }

  leave(holder: Holder) {
    this.#count(holder, -(this.#chars.get(holder) ?? 0))
    this.#chars.delete(holder)
  }

  #count(holder: Holder, chars: number) {
    this.#chars.set(holder, chars)
    const used = (this.#used.get(holder.machine_id) ?? 0) + chars
    if (used > 0) this.#used.set(holder.machine_id, used)
    else this.#used.delete(holder.machine_id)
  }
}

/** The required fields, and what tells where the agent stands. Requests are counted. */
function shortened<S extends AgentStatus>(status: S): S {
  const { pending, pending_omitted = 0, cwd, ...rest } = status
  const { problems, background_tasks, turn_interrupted, turn_failed, failure, slow, exit, ...short } = rest
  const omitted = pending.length + pending_omitted
  return {
    ...short,
    cwd: cwd.slice(0, CWD_CHARS),
    pending: [],
    ...(omitted > 0 && { pending_omitted: omitted }),
    ...(exit && { exit: { reason: exit.reason } }),
  } as unknown as S
}
