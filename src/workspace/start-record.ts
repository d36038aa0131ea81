import { setImmediate } from 'node:timers/promises'
import * as z from 'zod/mini'
import type { Place } from './place.ts'
import { plainRepository } from './plain-repository.ts'
import { findRepository, headOf } from './repository.ts'
import { differences } from './status.ts'

/** Maximum number of files in a record, and size of their contents together and of one file, in bytes. */
const FILES = 2000
const BYTES = 4 * 1024 * 1024
const FILE_BYTES = 512 * 1024

/** A file that differed from the commit when the agent started. */
const StartFile = z.object({
  /** Path in the folder, with one character per byte. */
  path: z.string(),
  /** Mode of the file; absent if it was deleted. */
  mode: z.optional(z.string()),
  /** Content in base64; absent if the file was too large. */
  content: z.optional(z.string()),
  /** Changes when a file is written; for a file whose content was too large. */
  stamp: z.optional(z.string()),
})
export type StartFile = z.infer<typeof StartFile>

const StartFolder = z.object({
  /** Path of the folder, without links. */
  path: z.string(),
  /** Commit that was checked out; absent if there was none. */
  commit: z.optional(z.string()),
  files: z.array(StartFile).check(z.maxLength(FILES)),
  /** True if further files differed. */
  is_partial: z.optional(z.literal(true)),
})

/** `start.json`: the state of an agent's folders when the agent started. */
export const StartRecord = z.object({ version: z.literal(1), folders: z.array(StartFolder) })
export type StartRecord = z.infer<typeof StartRecord>

/**
 * Records the state of folders: the commit, and the content of each file that differs from it. Folders
 * without a repository are left out. @throws WorkspaceFailure
 */
export async function recordStart(places: readonly Place[]): Promise<StartRecord> {
  const folders: StartRecord['folders'] = []
  let room = BYTES
  for (const place of places) {
    const { folder, user } = place
    const repository = findRepository(folder.real)
    if (repository === undefined || repository === 'elsewhere') continue
    const commit = await headOf(repository, user)
    const plain = await plainRepository(repository, user, commit)
    try {
      const prefix = place.prefixIn(repository)
      const all = await differences(plain, user, prefix === '' ? [] : [prefix])
      const files: StartFile[] = []
      for (const { path } of all.slice(0, FILES)) {
        const inner = place.inner(path, prefix)
        const file = inner === undefined ? undefined : startFile(place, inner, room)
        if (file) files.push(file)
        room -= file?.content?.length ?? 0
        // Other work of the daemon must not wait for many files.
        if (files.length % 50 === 0) await setImmediate()
      }
      folders.push({
        path: folder.real,
        files,
        ...(commit !== undefined && { commit }),
        ...(all.length > FILES && { is_partial: true }),
      })
    } finally {
      plain.close()
    }
  }
  return { version: 1, folders }
}

function startFile(place: Place, path: string, room: number): StartFile | undefined {
  if (place.isHidden(path)) return undefined
  const found = place.read(path, Math.min(FILE_BYTES, Math.max(0, room)))
  if (found === undefined || found === 'forbidden') return { path }
  if (found.kind === 'other') return undefined
  const { content, stamp } = found
  const mode = place.modeOf(found)
  return content ? { path, mode, content: content.toString('base64') } : { path, mode, stamp }
}
