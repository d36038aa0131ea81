import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { faultsOf, type OwnershipFault } from '../platform/ownership.ts'
import { isContainerSecret } from './key.ts'

/** Remedy for machines where this user cannot change owners and modes, as in some containers. */
const WAY_BACK =
  'If you trust all users who can change this path, as in a dedicated container, set FOMULAR_STRICT_MODES=false.'

/** Returns the remedy for a fault, as a sentence. */
export const remedyOf = ({ kind, within, remedy }: OwnershipFault) =>
  kind === 'owner'
    ? within
      ? `If this program created the path when it ran as that user, run ${remedy}. Otherwise, delete the path.`
      : // A folder above may be another user's home.
        `Use another path. If nobody else needs the present path, you can change its owner instead: ${remedy}.`
    : `Run ${remedy}, or use another path.`

/** Returns the error for a file or folder that is refused because others can change it. */
export const foreignError = (fault: OwnershipFault) =>
  new UserError('not_ours', `${fault.message}: it decides what this program runs.`, {
    remedy: `${remedyOf(fault)} ${WAY_BACK}`,
    exitCode: EXIT.usage,
  })

/** Returns the faults of a file that a setting names. Ignores the faults of a container's secret. */
export const faultsOfFile = (file: string | undefined, user?: number) =>
  file === undefined || isContainerSecret(file) ? [] : faultsOf(file, user)

/** @throws UserError if another user owns a file that decides what this program runs */
export function refuseForeign(faults: OwnershipFault[], strict: boolean) {
  const foreign = faults.find(({ kind }) => kind === 'owner')
  if (strict && foreign) throw foreignError(foreign)
}

/** Reports whether files that others can change are refused, according to the environment. */
export const isStrictByEnvironment = (env: NodeJS.ProcessEnv) =>
  !['false', '0'].includes(env.FOMULAR_STRICT_MODES ?? '')
