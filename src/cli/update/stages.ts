import { duration } from '../../client/units.ts'
import { cleanLine } from '../render/clean.ts'
import { note, noteInPlace } from '../terminal.ts'

/** Prints the stages of an update on standard error. On a terminal, also shows the time of the current stage. */
export class StageLines {
  readonly #live: boolean
  readonly #quiet: boolean
  #stage: { name: string; message: string; since: number } | undefined
  #timer: NodeJS.Timeout | undefined

  constructor({ quiet }: { quiet: boolean }) {
    this.#quiet = quiet
    // A terminal without cursor control could not replace a line.
    this.#live = !quiet && process.stderr.isTTY === true && process.env.TERM !== 'dumb'
  }

  begin(name: string, message = '') {
    if (this.#quiet || (this.#stage?.name === name && this.#stage.message === message)) return
    this.end()
    this.#stage = { name, message, since: performance.now() }
    if (!this.#live) return
    this.#show()
    this.#timer = setInterval(() => this.#show(), 100)
  }

  /** Ends the current stage. */
  end() {
    clearInterval(this.#timer)
    if (!this.#stage) return
    if (this.#live) noteInPlace('')
    note(this.#line())
    this.#stage = undefined
  }

  #show() {
    noteInPlace(this.#line())
  }

  #line() {
    const { name, message, since } = this.#stage!
    return `${cleanLine(name, 20).padEnd(9)} ${duration(performance.now() - since).padStart(7)}  ${cleanLine(message, 60)}`.trimEnd()
  }
}
