import { lstatSync, statSync } from 'node:fs'
import { isContainerSecret } from '../../config/key.ts'
import { foreignError, isStrictByEnvironment } from '../../config/ownership-policy.ts'
import { faultsOf, type OwnershipFault } from '../../platform/ownership.ts'
import { UpdateFailure } from '../failure.ts'

/** Environment for reading npm's files, and a check of files that others can write to. */
export interface Trusting {
  env: NodeJS.ProcessEnv
  /** Called for a file that others can write to, before it is used. @throws UpdateFailure to refuse it */
  checkFile?: ((fault: OwnershipFault) => void) | undefined
}

/**
 * Returns the owner or mode that lets other users change a file of npm. The owner of Node is trusted, because
 * Node also runs this program.
 */
function faultsFor(path: string, env: NodeJS.ProcessEnv): OwnershipFault[] {
  if (!isStrictByEnvironment(env) || isContainerSecret(path)) return []
  // Node may have been replaced in the meantime.
  const ofNode = statSync(process.execPath, { throwIfNoEntry: false })?.uid
  return faultsOf(path).filter(({ kind, path }) => kind === 'mode' || lstatSync(path).uid !== ofNode)
}

/** Reports whether another user owns a file or a folder above it. */
export const isForeign = (path: string, env: NodeJS.ProcessEnv): boolean =>
  faultsFor(path, env).some(({ kind }) => kind === 'owner')

/**
 * Refuses a file of npm that belongs to another user, because the file decides where updates come from and
 * which secrets are sent there.
 * @throws UpdateFailure
 */
export function checkOurs(path: string, { env, checkFile }: Trusting) {
  for (const fault of faultsFor(path, env)) {
    if (fault.kind === 'owner') throw notBelieved(fault)
    checkFile?.(fault)
  }
}

/** Returns the error for a file that others can change, and that decides where updates come from. */
export function notBelieved(fault: OwnershipFault): UpdateFailure {
  // On some systems, sudo keeps the caller's HOME.
  const sudo = process.env.SUDO_UID === undefined ? '' : 'Call sudo with -H, so that root uses its own. '
  const message = `${fault.message}: it decides where updates come from.`
  return new UpdateFailure('update_refused', 'resolve', message, {
    remedy: `${sudo}${foreignError(fault).remedy}`,
  })
}
