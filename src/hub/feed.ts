/** Something that has changed, for those who show it. What it is now is looked up when it is shown. */
export type Change =
  | { kind: 'machine'; machine_id: string }
  /** `key` is the name of the agent's folder. */
  | { kind: 'agent'; key: string }
  | { kind: 'agent_removed'; key: string; machine_id: string; agent_id: string }
  /** There is more of its activity on the disk. */
  | { kind: 'activity'; key: string }
  /** The hub is stopping. */
  | { kind: 'closed' }

/** Tells everybody who listens. */
export class Feed {
  readonly #listeners = new Set<(change: Change) => void>()

  publish(change: Change) {
    for (const listener of [...this.#listeners]) listener(change)
  }

  /** @returns a function that ends it */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close() {
    this.publish({ kind: 'closed' })
  }
}
