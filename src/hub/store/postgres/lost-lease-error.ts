import { StoreUnavailableError } from '../store-unavailable.ts'

/** Another hub has taken over the database: this hub must not write to it any more. */
export class LostLeaseError extends StoreUnavailableError {
  constructor() {
    super('Another hub has taken over the database.')
  }
}
