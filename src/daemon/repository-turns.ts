/** Lets only one command at a time change the working trees and branches of a repository. */
export class RepositoryTurns {
  /** Settles when all commands so far are done, by the repository's folder with the branches. */
  readonly #last = new Map<string, Promise<unknown>>()

  /** Runs a function when all earlier functions for the repository are done. Settles like the function. */
  take<T>(commonDir: string, run: () => Promise<T>): Promise<T> {
    const done = (this.#last.get(commonDir) ?? Promise.resolve()).then(run)
    const last = done
      .catch(() => {})
      .then(() => {
        if (this.#last.get(commonDir) === last) this.#last.delete(commonDir)
      })
    this.#last.set(commonDir, last)
    return done
  }
}
