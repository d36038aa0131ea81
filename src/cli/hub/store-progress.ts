import { bytes } from '../render/units.ts'
import { note, noteInPlace, printJson } from '../terminal.ts'

/** Interval between reports, in milliseconds: on a terminal, and in JSON. */
const SHOW_MS = 200
const JSON_MS = 1000

interface Progress {
  agents: number
  bytes: number
  of: { agents: number; bytes: number }
}

/** Shows how far a command is: on a terminal in one line, in JSON as objects. */
export class StoreProgress {
  readonly #json: boolean
  readonly #live: boolean
  #next = 0
  #isShown = false

  /** @param json prints objects instead */
  constructor({ json }: { json: boolean }) {
    this.#json = json
    this.#live = !json && process.stderr.isTTY === true && process.env.TERM !== 'dumb'
  }

  show(step: string, text: string, { agents, bytes: done, of }: Progress) {
    if (!this.#json && !this.#live) return
    const now = performance.now()
    if (now < this.#next) return
    this.#next = now + (this.#json ? JSON_MS : SHOW_MS)
    if (this.#json) return printJson({ step, agents, bytes: done, of })
    noteInPlace(`${text}: ${agents} of ${of.agents} agents, ${bytes(done)} of ${bytes(of.bytes)}`)
    this.#isShown = true
  }

  /** Removes the line. */
  end() {
    if (this.#isShown) noteInPlace('')
    this.#isShown = false
  }

  /** Prints a note for people. */
  say(text: string) {
    this.end()
    note(text)
  }
}
