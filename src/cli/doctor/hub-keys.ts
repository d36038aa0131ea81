import { existsSync } from 'node:fs'
import { findHub, hubFiles } from '../../config/hub.ts'
import type { StatePaths } from '../../config/paths.ts'
import { UserError } from '../../platform/errors.ts'
import { hubClient } from '../client/hub.ts'
import { cleanLine } from '../render/clean.ts'
import type { Finding } from '../render/finding.ts'

/**
 * Reports keys of the hub in this state folder that several machines share. Returns nothing if no hub runs
 * here.
 */
export async function checkHubKeys({ dir, hub }: StatePaths): Promise<Finding[]> {
  if (!existsSync(hubFiles(hub).record)) return []
  try {
    const keys = await hubClient(findHub({ flags: { stateDir: dir }, env: {} })).keys()
    return keys
      .filter(({ shared }) => shared)
      .map(({ key_id, name, machines }) => ({
        check: 'hub',
        level: 'warning',
        message: `${machines.length} machines share the hub's key ${cleanLine(name, 64)}: each of these machines can pose as the others`,
        remedy: `Give every other machine its own key with \`fomular-daemon machine add\`, then assign this key: fomular-daemon hub key bind ${cleanLine(key_id, 12)} MACHINE`,
      }))
  } catch (error) {
    // The hub has stopped, or is too old to list its keys.
    if (error instanceof UserError) return []
    throw error
  }
}
