import { join } from 'node:path'
import type * as z from 'zod/mini'
import type { AuditLimits } from '../../../config/hub-limits.ts'
import { onceConfirmed } from '../../../config/once-confirmed.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { UserError } from '../../../platform/errors.ts'
import { LISTS, type ListOf } from '../contents.ts'
import { refuseMigrated } from '../migration-record.ts'
import { KeysWithOwn } from '../own-keys.ts'
import type { Store } from '../store.ts'
import { AgentFiles } from './agent-files.ts'
import { agentFolders, journalPath } from './agent-folder.ts'
import { Segments } from './audit-segments.ts'
import { CommandFile } from './command-file.ts'
import { recoverJournals } from './commits/recover-journals.ts'
import { DebouncedWriter } from './debounced-writer.ts'
import { migrationIn } from './file-contents.ts'
import { JournalStore } from './journal-store.ts'
import { KeyFile, KeysFile, UserKeysFile } from './key-file.ts'
import { ListFile } from './list-file.ts'
import { LIST_FILES, type ListFileName, STORE_FILES } from './list-files.ts'
import { MachineFile } from './machine-file.ts'
import { type OpenFolderOptions, openFolder } from './open-folder.ts'
import { pushKeyIn } from './push-key.ts'
import { watchFolder } from './watch-folder.ts'

export interface FileStoreOptions extends OpenFolderOptions {
  /** Limits on the audit log. */
  audit: AuditLimits
  clock: Clock
}

/** Opens the store in the hub's folder; `src/hub/README.md` lists its files. @throws UserError */
export async function openFileStore(options: FileStoreOptions): Promise<Store> {
  const unlock = await openFolder(options)
  try {
    return await storeIn(options, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

async function storeIn({ dir, audit, clock, logger }: FileStoreOptions, unlock: () => void): Promise<Store> {
  refuseMigrated(migrationIn(dir))
  const writer = new DebouncedWriter({ clock, logger })
  const keys = new KeysWithOwn({
    dir,
    list: new KeyFile({ path: join(dir, LIST_FILES.keys.file), schema: KeysFile, logger }),
    users: new KeyFile({ path: join(dir, LIST_FILES['user keys'].file), schema: UserKeysFile, logger }),
    clock,
    logger,
  })
  await keys.acceptOwn()
  const agentsDir = join(dir, STORE_FILES.agents)
  const commitsDir = join(dir, STORE_FILES.commits)
  await recoverJournals({
    dir: commitsDir,
    keys: () => agentFolders(agentsDir),
    pathOf: (key) => journalPath(agentsDir, key),
    logger,
  })
  const journals = new JournalStore({ dir: agentsDir, commitsDir, clock, logger })
  onceConfirmed(() => journals.useCommitLog())
  const agents = new AgentFiles({
    dir: agentsDir,
    snapshot: join(dir, 'agents.snapshot'),
    journals,
    writer,
    logger,
  })
  const list = <N extends ListFileName>(name: N) =>
    new ListFile<ListOf<N>>({
      path: join(dir, LIST_FILES[name].file),
      field: LIST_FILES[name].field,
      record: LISTS[name] as unknown as z.ZodMiniType<ListOf<N>>,
      content: LIST_FILES[name].content,
      logger,
    })
  return {
    journals,
    agents,
    machines: new MachineFile({ path: join(dir, LIST_FILES.machines.file), writer, logger }),
    commands: new CommandFile({ path: join(dir, STORE_FILES.commands), logger }),
    keys,
    enrollments: list('enrollments'),
    sessions: list('sessions'),
    push: list('push'),
    rollouts: list('rollouts'),
    blocked: list('blocked versions'),
    pushKey: async () => pushKeyIn(join(dir, STORE_FILES.pushKey), logger),
    audit: new Segments(join(dir, STORE_FILES.audit), audit),
    watch: (lost: (reason: UserError) => void) => watchFolder(dir, { clock, lost }),
    async close() {
      agents.close()
      await journals.close()
      writer.close()
      agents.saveSnapshot()
      unlock()
    },
  }
}
