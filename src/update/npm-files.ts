import { lstatSync, statSync } from 'node:fs'
import { isContainerSecret } from '../config/key.ts'
import { notOurs, strictByEnvironment } from '../config/strict.ts'
import { type Fault, faultsOf } from '../platform/ours.ts'
import { UpdateFailure } from './failure.ts'

/** Who reads files of npm. */
export interface Trusting {
  env: NodeJS.ProcessEnv
  /** Told what others can write to, before it counts. @throws UpdateFailure to refuse it */
  checkFile?: ((fault: Fault) => void) | undefined
}

/** What lets others change a file of npm. The owner of Node, which runs this very program, is none of these others. */
function faultsFor(path: string, env: NodeJS.ProcessEnv): Fault[] {
  if (!strictByEnvironment(env) || isContainerSecret(path)) return []
  // It may have been replaced meanwhile.
  const ofNode = statSync(process.execPath, { throwIfNoEntry: false })?.uid
  return faultsOf(path).filter(({ kind, path }) => kind === 'mode' || lstatSync(path).uid !== ofNode)
}

/** Whether another user owns a file, or a folder above it. */
export const isForeign = (path: string, env: NodeJS.ProcessEnv): boolean =>
  faultsFor(path, env).some(({ kind }) => kind === 'owner')

/**
 * Refuses a file of npm that decides where updates come from, or what is sent there, where it is another user's.
 * @throws UpdateFailure
 */
export function checkOurs(path: string, { env, checkFile }: Trusting) {
  for (const fault of faultsFor(path, env)) {
    if (fault.kind === 'owner') throw notBelieved(fault)
    checkFile?.(fault)
  }
}

/** What decides where updates come from is not this user's alone. */
export function notBelieved(fault: Fault): UpdateFailure {
  // Some systems leave it the caller's HOME.
  const sudo = process.env.SUDO_UID === undefined ? '' : 'Call sudo with -H, for root to use its own. '
  const message = `${fault.message}: it decides where updates come from.`
  return new UpdateFailure('update_refused', 'resolve', message, {
    remedy: `${sudo}${notOurs(fault).remedy}`,
  })
}
