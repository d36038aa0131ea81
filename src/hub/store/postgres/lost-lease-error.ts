/** Another hub has taken over the database: this hub must not write to it any more. */
export class LostLeaseError extends Error {
  constructor() {
    super('another hub has taken over the database')
  }
}
