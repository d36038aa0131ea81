import { resolve } from 'node:path'
import { type StorePlace, storePlace } from '../../config/hub-store.ts'
import { isStrictByEnvironment } from '../../config/refuse-foreign.ts'
import { migrate } from '../../hub/migrate/migrate.ts'
import { lockContents, onStores } from '../../hub/open-contents.ts'
import type { WritableContents } from '../../hub/store/contents.ts'
import { copyOwnFiles, hasOwnKeys } from '../../hub/store/files/copy-own-files.ts'
import { systemClock } from '../../platform/clock.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { createLogger } from '../../platform/log.ts'
import { bytes } from '../render/units.ts'
import { print, printJson } from '../terminal.ts'
import type { MigrateFlags } from './store.ts'
import { StoreProgress } from './store-progress.ts'

/** Copies the data of a hub from one store to another. */
export async function migrateStore({ from, to, keys, json = false, ...flags }: MigrateFlags) {
  const places = {
    from: storePlace(from, '--from', flags, process.env),
    to: storePlace(to, '--to', flags, process.env),
  }
  const folder = folderIn(places)
  if (keys !== undefined && !('dir' in places.to))
    throw new UserError('usage', '--keys is only for a copy to a folder.', { exitCode: EXIT.usage })
  const options = {
    strict: isStrictByEnvironment(process.env),
    clock: systemClock,
    logger: createLogger({ level: 'warn', stderr: 'text' }),
    folder,
  }
  await onStores(() => copyStore(places, options, { keys, json }))
}

async function copyStore(
  places: { from: StorePlace; to: StorePlace },
  options: Omit<Parameters<typeof lockContents>[1], 'isNew'>,
  { keys, json }: { keys: string | undefined; json: boolean },
): Promise<void> {
  const { folder } = options
  const progress = new StoreProgress({ json })
  const source = await lockContents(places.from, { ...options, isNew: false })
  try {
    const target = await lockContents(places.to, { ...options, isNew: true })
    try {
      if (keys !== undefined) copyOwnFiles(resolve(keys), folder)
      const result = await migrate({
        source,
        target,
        onProgress: ({ step, ...done }) =>
          progress.show(step, step === 'copy' ? 'Copying' : 'Comparing', done),
        clock: systemClock,
      })
      progress.end()
      if (json) return printJson({ step: 'finished', from: source.place, to: target.place, ...result })
      say(result, source, target)
      if ('dir' in places.to && !hasOwnKeys(folder))
        progress.say(
          "! The folder has no keys of the hub's own, so the hub makes new ones. To keep the old ones, copy machine.key and user.key from the hub's former folder before its start.",
        )
    } finally {
      progress.end()
      await target.close()
    }
  } finally {
    await source.close()
  }
}

function say(
  result: Awaited<ReturnType<typeof migrate>>,
  source: WritableContents,
  target: WritableContents,
) {
  if (result.already)
    return print(`An earlier run has copied everything from ${source.place} to ${target.place}.`)
  print(
    `Copied ${result.agents} agents with ${bytes(result.bytes)} of history, and everything else, from ${source.place} to ${target.place}. The copy was compared with the source.`,
  )
  if (result.unreadable > 0) print(`${result.unreadable} lines or records cannot be read, and were left out.`)
  if (result.withoutRecord > 0)
    print(`${result.withoutRecord} histories belong to no agent. They were copied, too.`)
}

/** Returns the folder of the two stores. @throws UserError if not exactly one store is a folder */
function folderIn({ from, to }: { from: StorePlace; to: StorePlace }): string {
  if ('dir' in from && 'address' in to) return from.dir
  if ('dir' in to && 'address' in from) return to.dir
  throw new UserError('usage', 'One store must be a folder, and the other a database.', {
    remedy: 'Use postgres://USER@HOST/DATABASE for the database.',
    exitCode: EXIT.usage,
  })
}
