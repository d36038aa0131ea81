import { UserError } from '../../platform/errors.ts'
import type { Contents } from '../store/contents.ts'

/** Returns a function that refuses a store with damaged data. */
export const damagedStore =
  ({ place }: Contents) =>
  (problem: string): never => {
    throw new UserError('store_damaged', `${place}: ${problem}.`, {
      remedy: 'Run `hub store check` to see all problems.',
    })
  }
