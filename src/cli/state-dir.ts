import { ON_TRIAL } from '../config/environment.ts'
import { checkGround } from '../config/strict.ts'
import type { Invocation } from '../daemon/relaunch.ts'
import { UserError } from '../platform/errors.ts'
import { type Fault, faultsOf } from '../platform/ours.ts'
import { environmentFile } from '../service/environment-file.ts'
import { EXIT } from './exit-codes.ts'

/**
 * Refuses a daemon's state folder, its configuration and its unit's variables where others can change them.
 * @param faults of the configuration
 * @throws UserError
 */
export function checkStateDir(dir: string, faults: Fault[], strict: boolean) {
  const variables = environmentFile(process.env)
  const further = variables === undefined ? [] : faultsOf(variables)
  try {
    return checkGround(dir, { faults: [...faults, ...further], known: 'machine.json', strict })
  } catch (error) {
    return whileOnTrial(error)
  }
}

/** Says to the next version, which is asked before it starts, that files which others can change are not to be refused. */
export function tellStrictness({ env }: Invocation, strict: boolean) {
  if (!strict) env.FOMULAR_STRICT_MODES = 'false'
}

/** What a supervisor would leave alone is, of a version on trial, a reason to start the version before it. */
export function whileOnTrial(error: unknown): never {
  if (!(error instanceof UserError) || process.env[ON_TRIAL] !== '1') throw error
  const { code, message, remedy, cause } = error
  throw new UserError(code, message, {
    ...(remedy !== undefined && { remedy }),
    exitCode: EXIT.restart,
    cause,
  })
}
