/**
 * Names the pending section of the changelog after the version in package.json. `npm version` runs this
 * script before it commits.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cut, path } from './changelog.ts'
import { version } from './program.ts'

writeFileSync(path, cut(readFileSync(path, 'utf8'), version, new Date().toISOString().slice(0, 10)))
