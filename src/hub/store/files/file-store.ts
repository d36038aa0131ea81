import { join } from 'node:path'
import type { AuditLimits } from '../../../config/hub-limits.ts'
import { onceConfirmed } from '../../../config/once-confirmed.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { UserError } from '../../../platform/errors.ts'
import { KeysWithOwn } from '../own-keys.ts'
import { EnrollmentRecord, PushRecord, SessionRecord } from '../records.ts'
import { BlockedRecord, RolloutRecord } from '../rollout-records.ts'
import type { Store } from '../store.ts'
import { AgentFiles } from './agent-files.ts'
import { agentFolders, journalPath } from './agent-folder.ts'
import { Segments } from './audit-segments.ts'
import { CommandFile } from './command-file.ts'
import { recoverJournals } from './commits/recover-journals.ts'
import { DebouncedWriter } from './debounced-writer.ts'
import { JournalStore } from './journal-store.ts'
import { KeyFile, KeysFile, UserKeysFile } from './key-file.ts'
import { ListFile } from './list-file.ts'
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
  const writer = new DebouncedWriter({ clock, logger })
  const keys = new KeysWithOwn({
    dir,
    list: new KeyFile({ path: join(dir, 'keys.json'), schema: KeysFile, logger }),
    users: new KeyFile({ path: join(dir, 'user-keys.json'), schema: UserKeysFile, logger }),
    clock,
    logger,
  })
  await keys.acceptOwn()
  const agentsDir = join(dir, 'agents')
  const commitsDir = join(dir, 'commits')
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
  return {
    journals,
    agents,
    machines: new MachineFile({ path: join(dir, 'machines.json'), writer, logger }),
    commands: new CommandFile({ path: join(dir, 'commands.jsonl'), logger }),
    keys,
    enrollments: new ListFile({
      path: join(dir, 'enrolments.json'),
      field: 'enrolments',
      record: EnrollmentRecord,
      content: 'enrollments',
      logger,
    }),
    sessions: new ListFile({
      path: join(dir, 'sessions.json'),
      field: 'sessions',
      record: SessionRecord,
      content: 'sessions',
      logger,
    }),
    push: new ListFile({
      path: join(dir, 'push.json'),
      field: 'people',
      record: PushRecord,
      content: 'subscriptions',
      logger,
    }),
    rollouts: new ListFile({
      path: join(dir, 'rollouts.json'),
      field: 'rollouts',
      record: RolloutRecord,
      content: 'rollouts',
      logger,
    }),
    blocked: new ListFile({
      path: join(dir, 'blocked.json'),
      field: 'versions',
      record: BlockedRecord,
      content: 'blocked versions',
      logger,
    }),
    pushKey: async () => pushKeyIn(join(dir, 'push.key'), logger),
    audit: new Segments(join(dir, 'audit'), audit),
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
