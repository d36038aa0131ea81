import { lstatSync, statSync } from 'node:fs'
import { isContainerSecret } from '../../config/key.ts'
import { foreignError, isStrictByEnvironment } from '../../config/refuse-foreign.ts'
import { faultsOf, type OwnershipFault } from '../../platform/ownership.ts'
import { UpdateFailure } from '../failure.ts'

/**
 * The environment for reading npm's files, and a function that decides about files that others can write to.
 */
export interface Trusting {
  env: NodeJS.ProcessEnv
  /** Called for a file that others can write to, before it is used. @throws UpdateFailure to refuse it */
  checkFile?: ((fault: OwnershipFault) => void) | undefined
}

/**
 * Returns the owners and modes that let other users change a file that npm reads. Trusts the owner of Node,
 * because Node also runs this program.
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
 * Refuses a file of npm that belongs to another user. Such a file decides where updates come from, and which
 * secrets are sent there.
 * @throws UpdateFailure
 */
export function checkOurs(path: string, { env, checkFile }: Trusting) {
  for (const fault of faultsFor(path, env)) {
    if (fault.kind === 'owner') throw notBelieved(fault)
    checkFile?.(fault)
  }
}

/** Returns the error for a file that others can change although it decides where updates come from. */
export function notBelieved(fault: OwnershipFault): UpdateFailure {
  // On some systems, sudo keeps the caller's HOME.
  const sudo =
    process.env.SUDO_UID === undefined ? '' : 'Call sudo with -H, so that root uses its own settings. '
  const message = `${fault.message}. This file or folder decides where updates come from.`
  return new UpdateFailure('update_refused', 'resolve', message, {
    remedy: `${sudo}${foreignError(fault).remedy}`,
  })
}
