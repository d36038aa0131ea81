import { type Command, Limits } from '../../protocol/index.ts'

/**
 * Maximum number of commands that wait for their machines. The commands in `ENDING` have a separate limit of
 * the same size.
 */
const COMMANDS = 4000
/**
 * Maximum total size of these commands, in bytes. It is less than the send buffer of a connection, because
 * almost all of these commands may wait for one machine if they come from many keys. One key can use a
 * quarter of this size for one machine, which is more than the size of one command.
 */
const BYTES = 5 * Limits.frame_bytes

/** Types of short commands with a separate limit, so that agents can always be stopped. */
const ENDING: readonly Command['type'][] = ['agent:interrupt', 'agent:withdraw', 'agent:stop', 'agent:remove']

/** Limits the commands that wait for their machines. */
export class CommandLimits {
  readonly #commands = new Halves(COMMANDS)
  readonly #ending = new Halves(COMMANDS)
  readonly #bytes = new Halves(BYTES)

  has(machineId: string, command: Command, bytes: number): boolean {
    const names = namesOf(machineId, command)
    if (isEnding(command)) return this.#ending.has(names, 1)
    return this.#commands.has(names, 1) && this.#bytes.has(names, bytes)
  }

  /** @returns a function that frees the room; it does not retain the command, which may contain secrets */
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

/**
 * Returns the names of three counters for a command. They count all commands, commands of the same key, and
 * commands of the same key to the same machine.
 */
const namesOf = (machineId: string, { by }: Command) =>
  [[], [by], [by, machineId]].map((name) => JSON.stringify(name))

/**
 * An amount that keys share. Each key gets at most half of the room that other keys leave, and each machine
 * gets at most half of its key's room. Therefore, a key without waiting commands always has room, and one
 * silent machine cannot use up the room of a key.
 */
class Halves {
  readonly #most: number
  readonly #taken = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** @param names names of counters, ordered from the whole amount to the smallest part */
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
