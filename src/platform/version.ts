import { readFileSync } from 'node:fs'

declare const FOMULAR_VERSION: string | undefined

/**
 * This package's version. The build inserts the version into the bundle; when the source runs directly, the
 * version is read from package.json.
 */
export const VERSION: string =
  typeof FOMULAR_VERSION === 'string'
    ? FOMULAR_VERSION
    : JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
