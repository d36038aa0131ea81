/** Another program has changed or deleted a file that only the hub writes. */
export class JournalChangedError extends Error {
  constructor(path: string) {
    super(`Another program has changed or deleted ${path}. Restart the hub.`)
  }
}
