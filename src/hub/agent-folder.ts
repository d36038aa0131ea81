import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemCode } from '../platform/errors.ts'

/**
 * Makes the folder of an agent, and the one that all of them are in; not the hub's own, which is never made anew beneath
 * a running hub.
 * @throws the system's error
 */
export function makeAgentFolder(path: string) {
  for (const each of [dirname(path), path])
    try {
      mkdirSync(each, { mode: 0o700 })
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
}
