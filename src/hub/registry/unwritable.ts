import { HttpError, unavailable } from '../http-error.ts'

/** Returns the answer to a command that could not be stored. */
export const unwritable = (error: unknown): HttpError =>
  unavailable(error) ??
  new HttpError(
    507,
    'disk_full',
    `The command could not be written to the disk: ${(error as Error).message}`,
    { remedy: 'Make room on the disk with the hub’s folder.' },
  )
