import { fromHere, HubRecord, hubFiles } from '../../config/hub.ts'
import type { StatePaths } from '../../config/paths.ts'
import { readJson } from '../../platform/files.ts'
import { isAlive } from '../../platform/process-identity.ts'

/** The hub of a state folder, where one runs in a process of its own. It is not closed from here. */
export async function runningHub({ hub }: StatePaths) {
  const files = hubFiles(hub)
  const record = readJson(files.record, HubRecord)
  if (!record.ok || !isAlive(record.value)) return undefined
  return {
    url: fromHere(record.value.url),
    machineKeyPath: files.machineKey,
    userKeyPath: files.userKey,
    own: false,
    close: async () => {},
  }
}
