import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { HUB_UPGRADES } from '../../../config/format.ts'
import { UserError } from '../../../platform/errors.ts'
import { EXIT } from '../../../platform/exit-codes.ts'
import { readFormat } from '../../../platform/format.ts'
import { agentFolders, journalPath } from './agent-folder.ts'
import { recoverJournals } from './commits/recover-journals.ts'
import { FileContents } from './file-contents.ts'
import { STORE_FILES } from './list-files.ts'
import { type OpenFolderOptions, openFolder } from './open-folder.ts'
import { WritableFileContents } from './writable-file-contents.ts'

/** Opens the files of a hub for reading. The hub may be running. @throws UserError */
export function readFiles(dir: string): FileContents {
  mustExist(dir)
  readFormat(dir, HUB_UPGRADES)
  return new FileContents(dir)
}

/**
 * Locks a hub's folder, and opens its files. Completes the histories after a crash, as the hub would.
 * @param isNew true to create a missing folder
 * @throws UserError
 */
export async function lockFiles(
  options: OpenFolderOptions & { isNew: boolean },
): Promise<WritableFileContents> {
  const { dir, isNew, logger } = options
  if (!isNew) mustExist(dir)
  const unlock = await openFolder(options)
  try {
    const agentsDir = join(dir, STORE_FILES.agents)
    await recoverJournals({
      dir: join(dir, STORE_FILES.commits),
      keys: () => agentFolders(agentsDir),
      pathOf: (key) => journalPath(agentsDir, key),
      logger,
    })
    return new WritableFileContents(dir, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

function mustExist(dir: string) {
  if (existsSync(dir)) return
  throw new UserError('store_missing', `There is no folder ${dir}.`, {
    remedy: "Name the hub's folder, or the address of its database.",
    exitCode: EXIT.refused,
  })
}
