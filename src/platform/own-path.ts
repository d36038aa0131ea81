import { delimiter, isAbsolute } from 'node:path'
import { faultsOf } from './ownership.ts'
import { SYSTEM_PATH } from './system-environment.ts'

/** Returns the PATH of an environment. For root, leaves out the folders that other users can change. */
export function ownPath({ PATH = SYSTEM_PATH }: NodeJS.ProcessEnv = process.env): string {
  if (process.geteuid?.() !== 0) return PATH
  const folders = PATH.split(delimiter).filter((dir) => isAbsolute(dir) && faultsOf(dir).length === 0)
  return folders.length > 0 ? folders.join(delimiter) : SYSTEM_PATH
}
