import { systemCode } from '../../platform/errors.ts'

/** The store cannot be reached now. The same request may succeed later. */
export class StoreUnavailableError extends Error {
  constructor(cause: Error) {
    super(`The hub's database cannot be reached: ${cause.message || systemCode(cause)}`, { cause })
  }
}
