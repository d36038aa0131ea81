/** A change for streams to show. It names only what changed; the stream looks up the current state. */
export type Change =
  | { kind: 'machine'; machine_id: string }
  | { kind: 'machine_removed'; machine_id: string }
  /** `key` identifies the agent in the store. */
  | { kind: 'agent'; key: string }
  | {
      kind: 'agent_removed'
      key: string
      machine_id: string
      agent_id: string /** True if clients may have seen the agent. */
      shown: boolean
    }
  /** The hub is stopping. */
  | { kind: 'closed' }

/** Publishes changes to all subscribers. */
export class ChangeFeed {
  readonly #listeners = new Set<(change: Change) => void>()

  publish(change: Change) {
    for (const listener of [...this.#listeners]) listener(change)
  }

  /** @returns a function that ends the subscription */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close() {
    this.publish({ kind: 'closed' })
  }
}
