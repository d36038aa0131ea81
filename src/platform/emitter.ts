/**
 * Events of one part of the program, by name. The code that assembles the parts connects them with `on`, so
 * that one list shows all connections and the parts need not know each other.
 * @typeParam E arguments of each event
 */
export class Emitter<E extends { [name in keyof E]: unknown[] }> {
  readonly #listeners: { [name in keyof E]?: Set<(...args: E[name]) => void> } = {}

  /**
   * Adds a listener. Listeners are called in the order in which they were added. @returns a function that
   * removes the listener
   */
  on<N extends keyof E>(name: N, listener: (...args: E[N]) => void): () => void {
    const listeners = this.#listeners[name] ?? new Set()
    this.#listeners[name] = listeners
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** Calls the listeners of an event. @throws the error of a listener */
  emit<N extends keyof E>(name: N, ...args: E[N]) {
    for (const listener of [...(this.#listeners[name] ?? [])]) listener(...args)
  }
}
