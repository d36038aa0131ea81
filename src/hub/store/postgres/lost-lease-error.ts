import type { UserError } from '../../../platform/errors.ts'
import { StoreUnavailableError } from '../store-unavailable.ts'

/** This hub must not write to the database any more. */
export class LostLeaseError extends StoreUnavailableError {
  readonly reason: UserError | undefined

  /** @param reason the reason, if it is not another hub that has taken over */
  constructor(reason?: UserError) {
    super(reason?.message ?? 'Another hub has taken over the database.')
    this.reason = reason
  }
}
