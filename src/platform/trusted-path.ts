import { delimiter, isAbsolute } from 'node:path'
import { faultsOf } from './ownership.ts'
import { SYSTEM_PATH } from './system-path.ts'

/**
 * Returns the PATH with which this process runs programs for itself. For root, leaves out relative folders and
 * folders that other users can change.
 */
export function trustedPath({ PATH = SYSTEM_PATH }: NodeJS.ProcessEnv = process.env): string {
  if (process.geteuid?.() !== 0) return PATH
  const folders = PATH.split(delimiter).filter((dir) => isAbsolute(dir) && faultsOf(dir).length === 0)
  return folders.length > 0 ? folders.join(delimiter) : SYSTEM_PATH
}

/** Returns an environment with a trusted PATH, for a program that this process runs for itself. */
export const trustedEnvironment = (env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv => ({
  ...env,
  PATH: trustedPath(env),
})
