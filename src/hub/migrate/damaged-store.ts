import { UserError } from '../../platform/errors.ts'
import type { Contents, Damaged } from '../store/contents.ts'

/** Returns a function that refuses a list that cannot be read. @param record called if only a record cannot be read */
export const damagedStore =
  ({ place }: Contents, record = () => {}): Damaged =>
  (problem, what) => {
    if (what === 'record') return record()
    throw new UserError('store_damaged', `${place}: ${problem}.`, {
      remedy:
        'Start its hub once, so that it sets a damaged file aside. Then stop it, and run this command again.',
    })
  }
