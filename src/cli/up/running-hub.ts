import { fromHere, hubFiles, livingHub } from '../../config/hub.ts'
import type { StatePaths } from '../../config/paths.ts'

/**
 * Returns the hub of a state folder, if it runs in another process. The `close` of the returned hub does
 * nothing.
 */
export async function runningHub({ hub }: StatePaths) {
  const files = hubFiles(hub)
  const record = livingHub(hub)
  if (!record) return undefined
  return {
    url: fromHere(record.url),
    ...(record.socket && { socketPath: files.socket }),
    machineKeyPath: files.machineKey,
    userKeyPath: files.userKey,
    own: false,
    close: async () => {},
  }
}
