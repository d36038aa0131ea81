import { isDiskFull } from '../../../platform/errors.ts'
import type { StoreProblem } from '../journals.ts'

/** Returns the reason for a failed write. @param dir folder that could not be written */
export function problemOf(error: unknown, dir: string): StoreProblem {
  if (isDiskFull(error))
    return {
      code: 'disk_full',
      message: `The disk with ${dir} is full: activity is not acknowledged.`,
      remedy: 'Free some space on this disk.',
    }
  return {
    code: 'disk_error',
    message: `Activity cannot be written to ${dir}: ${(error as Error).message}`,
    remedy: 'Check this folder and its disk.',
  }
}
