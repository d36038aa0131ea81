import { type ParseArgsConfig, parseArgs } from 'node:util'

/**
 * Returns the flags of this process. If they are wrong, prints the problem, and ends the process with code 2.
 * @param hint sentence to print after the problem
 */
export function readFlags<const O extends NonNullable<ParseArgsConfig['options']>>(options: O, hint = '') {
  try {
    return parseArgs({ options }).values
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${hint && `${hint}\n`}`)
    process.exit(2)
  }
}
