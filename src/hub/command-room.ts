import { type Command, Limits } from '../protocol/index.ts'

/** Commands that may wait for their machines, and as many again that end something. */
const COMMANDS = 4000
/**
 * Bytes of the former, less than what a connection may have buffered: with many keys, almost all may wait for one machine.
 * A quarter may wait for one machine with one key, which is more than one command.
 */
const BYTES = 5 * Limits.frame_bytes

/** These have room of their own: agents can be stopped, whatever waits. They are short. */
const ENDING: readonly Command['type'][] = ['agent:interrupt', 'agent:stop', 'agent:remove']

/** Room for commands that wait for their machines. */
export class CommandRoom {
  readonly #commands = new Halves(COMMANDS)
  readonly #ending = new Halves(COMMANDS)
  readonly #bytes = new Halves(BYTES)

  has(machineId: string, command: Command, bytes: number): boolean {
    const names = namesOf(machineId, command)
    if (isEnding(command)) return this.#ending.has(names, 1)
    return this.#commands.has(names, 1) && this.#bytes.has(names, bytes)
  }

  /** @returns a function that gives it back, and keeps nothing of the command, which may have secrets */
  take(machineId: string, command: Command, bytes: number): () => void {
    const names = namesOf(machineId, command)
    const ending = isEnding(command)
    const change = (sign: 1 | -1) => {
      if (ending) return this.#ending.add(names, sign)
      this.#commands.add(names, sign)
      this.#bytes.add(names, sign * bytes)
    }
    change(1)
    return () => change(-1)
  }
}

const isEnding = ({ type }: Command) => ENDING.includes(type)

/** All commands, those of a key, and those of a key for a machine. */
const namesOf = (machineId: string, { by }: Command) =>
  [[], [by], [by, machineId]].map((name) => JSON.stringify(name))

/**
 * What each gets half of that the others leave: keys of all of it, and machines of what a key has. So there is
 * always some for a key with which nothing waits, and one silent machine takes none of it from the others.
 */
class Halves {
  readonly #most: number
  readonly #taken = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** @param names from the whole to the part that is asked for */
  has(names: string[], amount: number): boolean {
    const [all = 0, ...parts] = names.map((name) => this.#of(name))
    let [room, taken] = [this.#most, all]
    for (const part of parts) {
      room = Math.ceil((room - (taken - part)) / 2)
      taken = part
    }
    return taken + amount <= room
  }

  add(names: string[], amount: number) {
    for (const name of names) {
      const sum = this.#of(name) + amount
      if (sum === 0) this.#taken.delete(name)
      else this.#taken.set(name, sum)
    }
  }

  #of(name: string): number {
    return this.#taken.get(name) ?? 0
  }
}
