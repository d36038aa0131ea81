import * as z from 'zod/mini'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'

/** Record in a store about its copy to or from another store. */
export const MigrationRecord = z.object({
  version: z.literal(1),
  /** `target`: the data comes from `other`. `source`: the data was copied to `other`. */
  role: z.enum(['source', 'target']),
  state: z.enum(['copying', 'finished']),
  /** The other store: a folder, or the address of a database without its password. */
  other: z.string(),
  at: z.string(),
})
export type MigrationRecord = z.infer<typeof MigrationRecord>

/** Refuses a store whose data is incomplete, or is now in another store. @throws UserError */
export function refuseMigrated(record: MigrationRecord | undefined) {
  if (record?.role === 'target' && record.state === 'copying') throw unfinished(record)
  if (record?.role === 'source') throw moved(record)
}

export const unfinished = ({ other }: MigrationRecord) =>
  new UserError('migration_unfinished', `The copy of the data from ${other} is not complete.`, {
    remedy: 'Run `hub store migrate` again with the same stores: it continues where it ended.',
    exitCode: EXIT.refused,
  })

export const moved = ({ other, at }: MigrationRecord) =>
  new UserError('store_moved', `The data of this hub was copied to ${other} at ${at}.`, {
    remedy:
      'Run the hub with that store. To use the old data instead, see "Changing the store" in the documentation of the hub.',
    exitCode: EXIT.refused,
  })
