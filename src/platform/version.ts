import { readFileSync } from 'node:fs'

declare const FOMULAR_VERSION: string | undefined

/**
 * This package's version: inlined into the bundle, or read from package.json when the source runs directly.
 */
export const VERSION: string =
  typeof FOMULAR_VERSION === 'string'
    ? FOMULAR_VERSION
    : JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
