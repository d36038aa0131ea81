import type { MachineConnection } from './machine-connection.ts'

/** The current connection of each machine. */
export class Presence {
  readonly #present = new Map<string, MachineConnection>()

  of(machineId: string): MachineConnection | undefined {
    return this.#present.get(machineId)
  }

  /** Reports whether this is the current connection of its machine. */
  has(peer: MachineConnection): boolean {
    return this.#present.get(peer.machineId) === peer
  }

  all(): MachineConnection[] {
    return [...this.#present.values()]
  }

  /** Makes this the machine's current connection. @returns the previous connection */
  enter(machineId: string, peer: MachineConnection): MachineConnection | undefined {
    const before = this.#present.get(machineId)
    this.#present.set(machineId, peer)
    return before
  }

  /** @returns true if this was the machine's current connection */
  leave(peer: MachineConnection): boolean {
    return this.has(peer) && this.#present.delete(peer.machineId)
  }
}
