/** The store cannot be reached now. The same request may succeed later. */
export class StoreUnavailableError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
  }
}
