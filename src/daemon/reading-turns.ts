import { CommandFailure } from '../agents/command-failure.ts'
import type { Clock } from '../platform/clock.ts'

/**
 * Maximum number of readings at the same time, not counting slow ones; of all readings at the same time; of
 * readings that wait; and of those for one agent.
 */
const READING = { atOnce: 2, all: 12, waiting: 50, ofOne: 10 }
/** Time after which a reading is slow, in ms. An agent can make git wait in its repository. */
const SLOW_MS = 2000

interface Waiting {
  agentId: string
  begin(): void
}

/**
 * Limits how many folders are read at the same time. The folders of one agent are read one after another, and a
 * slow reading no longer counts, so that an agent cannot hold up the readings of the others.
 */
export class ReadingTurns {
  readonly #clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>
  /** Agents whose folders are being read. */
  readonly #reading = new Set<string>()
  readonly #waiting: Waiting[] = []
  #slow = 0

  constructor(clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>) {
    this.#clock = clock
  }

  /**
   * Reads the folders of an agent when it is its turn.
   * @param mayFail false to wait even if many others wait
   * @throws CommandFailure if too many others wait
   */
  async take<T>(agentId: string, mayFail: boolean, read: () => Promise<T>): Promise<T> {
    const own = this.#waiting.filter((each) => each.agentId === agentId)
    if (mayFail && (this.#waiting.length >= READING.waiting || own.length >= READING.ofOne))
      throw new CommandFailure('busy', 'Too many readings of agents’ folders already wait.', {
        remedy: 'Try again later.',
      })
    await new Promise<void>((begin) => {
      this.#waiting.push({ agentId, begin })
      this.#advance()
    })
    let isSlow = false
    const timer = this.#clock.setTimeout(() => {
      isSlow = true
      this.#slow++
      this.#advance()
    }, SLOW_MS)
    try {
      return await read()
    } finally {
      this.#clock.clearTimeout(timer)
      if (isSlow) this.#slow--
      this.#reading.delete(agentId)
      this.#advance()
    }
  }

  #advance() {
    for (const next of [...this.#waiting]) {
      const all = this.#reading.size
      if (all >= READING.all || all - this.#slow >= READING.atOnce) return
      if (this.#reading.has(next.agentId)) continue
      this.#waiting.splice(this.#waiting.indexOf(next), 1)
      this.#reading.add(next.agentId)
      next.begin()
    }
  }
}
