import type { Command } from '../protocol/index.ts'
import type { GateWait } from './gate.ts'

export interface CommandSteps<R> {
  /** Rejects if the machine refuses the command. */
  permit(): Promise<void>
  /** Starts the command. Resolves when the next command for the same agent may start. */
  begin(wait: GateWait): Promise<R>
}

/**
 * The commands for one agent. They start one after another, in the order of their arrival. A command to stop
 * the agent cuts short the gate's decisions about earlier commands. An interrupt does not wait while the gate
 * decides about an earlier command, unless that command starts the agent.
 */
export class CommandOrder {
  readonly #onIdle: () => void
  /** Settles when all commands so far have started or failed. */
  #last: Promise<unknown> = Promise.resolve()
  /** Settles when the last command to start the agent, and all commands before it, have started or failed. */
  #lastStart: Promise<unknown> = Promise.resolve()
  /** Signals of the commands that have not started. A later command to stop the agent aborts these signals. */
  readonly #overtaking = new Set<AbortController>()
  /** True while the gate decides about the command whose turn it is. */
  #isAtGate = false
  /** Functions that start the waiting interrupts. */
  readonly #interrupts = new Set<() => void>()

  /** @param onIdle is called when all commands have started or failed */
  constructor(onIdle: () => void) {
    this.#onIdle = onIdle
  }

  /** Adds a command. Settles like the command's `begin`. */
  add<R>(command: Command, { permit, begin }: CommandSteps<R>): Promise<R> {
    const before = this.#last
    const earlier = [...this.#overtaking]
    const overtaking = new AbortController()
    this.#overtaking.add(overtaking)
    const end = async () => {
      await permit()
      for (const each of earlier) each.abort()
      await before
    }
    const turn = isStop(command) ? end() : isInterrupt(command) ? this.#interrupt(before) : before
    const begun = turn.then(() =>
      begin({ overtaken: overtaking.signal, until: (decided) => this.#waitAtGate(decided) }),
    )
    const last = Promise.all([before, begun.catch(() => {})]).then(() => {
      this.#overtaking.delete(overtaking)
      if (this.#last === last) this.#onIdle()
    })
    this.#last = last
    if (isStart(command)) this.#lastStart = last
    return begun
  }

  /**
   * Resolves when an interrupt may start: when `before` has resolved, or as soon as the gate begins to decide
   * about an earlier command. The interrupt of an agent that is being started waits for the start. Otherwise,
   * it would interrupt nothing.
   */
  async #interrupt(before: Promise<unknown>): Promise<void> {
    await this.#lastStart
    if (this.#isAtGate) return
    await new Promise<void>((resolve) => {
      const start = () => {
        this.#interrupts.delete(start)
        resolve()
      }
      this.#interrupts.add(start)
      void before.then(start)
    })
  }

  async #waitAtGate(decided: Promise<unknown>) {
    this.#isAtGate = true
    for (const start of this.#interrupts) start()
    try {
      await decided
    } finally {
      this.#isAtGate = false
    }
  }
}

/** Reports whether a command ends the agent's work and cancels waiting commands and prompts. */
const isStop = (command: Command) =>
  command.type === 'agent:stop' ||
  (command.type === 'agent:remove' && command.force) ||
  (command.type === 'agent:interrupt' && command.cancel_queued)

const isStart = ({ type }: Command) => type === 'agent:start' || type === 'agent:resume'

/** Reports whether a command only ends the agent's turn. */
const isInterrupt = ({ type }: Command) => type === 'agent:interrupt'
