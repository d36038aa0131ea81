import { systemCode } from './errors.ts'

/** Returns the result of a function; undefined if it throws, for any reason. */
export function orUndefined<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

/** Returns the result of a function that reads a file or folder; undefined if the path does not exist. */
export function ifPresent<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
