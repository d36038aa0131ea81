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
  /** Replaced when a subscription begins or ends, so that a loop over the list is not disturbed. */
  #listeners: readonly ((change: Change) => void)[] = []

  publish(change: Change) {
    for (const listener of this.#listeners) listener(change)
  }

  /** @returns a function that ends the subscription */
  subscribe(listener: (change: Change) => void): () => void {
    const own = (change: Change) => listener(change)
    this.#listeners = [...this.#listeners, own]
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== own)
    }
  }

  close() {
    this.publish({ kind: 'closed' })
  }
}
