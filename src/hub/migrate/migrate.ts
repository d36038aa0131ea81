import { type Clock, isoTime } from '../../platform/clock.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { LIST_NAMES, type WritableContents } from '../store/contents.ts'
import { isLocal, type KeyEntry } from '../store/key-entry.ts'
import { moved, unfinished } from '../store/migration-record.ts'
import { compare } from './compare.ts'
import { type Counts, copyAgents } from './copy-agents.ts'
import { damagedStore } from './damaged-store.ts'
import { readList } from './read-list.ts'

interface Progress {
  step: 'copy' | 'check'
  agents: number
  bytes: number
  /** Numbers in the whole store. */
  of: { agents: number; bytes: number }
}

export interface MigrateOptions {
  source: WritableContents
  target: WritableContents
  /** Called often. */
  onProgress(progress: Progress): void
  clock: Clock
}

export interface MigrateResult extends Counts {
  /** True if an earlier run has finished the copy. */
  already: boolean
  /** Size of the histories. */
  bytes: number
}

/**
 * Copies everything in a store to another store, and compares both. Continues where an earlier run was killed. Then
 * no hub can use the source any more, and hubs can use the target.
 * @throws UserError
 */
export async function migrate({ source, target, onProgress, clock }: MigrateOptions): Promise<MigrateResult> {
  const of = await source.size()
  if (await isFinished(source, target)) return { already: true, ...of, unreadable: 0, withoutRecord: 0 }
  await refuse(source, target)
  const at = () => isoTime(clock.now())
  await target.setMigration({ version: 1, role: 'target', state: 'copying', other: source.place, at: at() })
  const counts = await copyAgents({
    source,
    target,
    onProgress: (done) => onProgress({ step: 'copy', ...done, of }),
  })
  const unreadable = () => counts.unreadable++
  for (const name of LIST_NAMES) await target.replaceList(name, await readList(source, name, unreadable))
  await target.replaceAudit(source.audit())
  const bytes = await compare({
    source,
    target,
    onProgress: (done) => onProgress({ step: 'check', ...done, of }),
  })
  // First the source: at no time can hubs use both.
  await source.setMigration({ version: 1, role: 'source', state: 'finished', other: target.place, at: at() })
  await target.setMigration({ version: 1, role: 'target', state: 'finished', other: source.place, at: at() })
  return { already: false, bytes, ...counts }
}

async function isFinished(source: WritableContents, target: WritableContents): Promise<boolean> {
  const [from, to] = [await source.migration(), await target.migration()]
  const isTo = to?.role === 'target' && to.state === 'finished' && to.other === source.place
  return isTo && from?.role === 'source' && from.other === target.place
}

/** Refuses stores that cannot be a source and a target. @throws UserError */
async function refuse(source: WritableContents, target: WritableContents): Promise<void> {
  const [from, to] = [await source.migration(), await target.migration()]
  if (from?.role === 'target' && from.state === 'copying') throw unfinished(from)
  if (from?.role === 'source' && from.other !== target.place) throw moved(from)
  if (await isEmpty(source))
    throw new UserError('store_missing', `${source.place} contains no data of a hub.`, {
      remedy: "Name the hub's folder, or the address of its database.",
      exitCode: EXIT.refused,
    })
  if (to?.role === 'target' && to.state === 'copying') {
    if (to.other === source.place) return
    throw unfinished(to)
  }
  if (await isEmpty(target)) return
  throw new UserError('store_not_empty', `${target.place} already contains other data of a hub.`, {
    remedy: 'Use an empty database, or an empty folder.',
    exitCode: EXIT.refused,
  })
}

/** Reports whether a store has no data. Its hub may have been started: then it has the hub's own keys. */
async function isEmpty(store: WritableContents): Promise<boolean> {
  if ((await store.size()).agents > 0) return false
  for (const name of LIST_NAMES) {
    // The hub makes this key when a person opens a page.
    if (name === 'push key') continue
    const records = await store.list(name, damagedStore(store))
    if (records.some((record) => name !== 'keys' || !isLocal(record as KeyEntry))) return false
  }
  for await (const lines of store.audit()) if (lines.length > 0) return false
  return true
}
