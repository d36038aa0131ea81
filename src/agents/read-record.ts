import { lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import type * as z from 'zod/mini'
import { systemCode, UserError } from '../platform/errors.ts'
import { type ReadResult, readJson } from '../platform/files.ts'

/**
 * Reads a JSON file of an agent's folder. One that claims to be of a newer version is damaged: the format of the state
 * folder as a whole says whether a newer version was here, and an agent must not keep its daemon from starting.
 * @throws UserError for another user's file that this user may not read, or the system's error
 */
export function readRecord<T>(path: string, schema: z.ZodMiniType<T>): ReadResult<T> {
  try {
    return readJson(path, schema)
  } catch (error) {
    if (!(error instanceof UserError) || (error.code !== 'state_newer' && !isOwn(path))) throw error
    return { ok: false, reason: 'damaged', problem: error.message }
  }
}

/** Whether this user could change who may read a path, which is thus not for its owner to do. */
export function isOwn(path: string): boolean {
  try {
    return lstatSync(path).uid === process.geteuid?.()
  } catch (error) {
    return systemCode(error) === 'EACCES' && dirname(path) !== path && isOwn(dirname(path))
  }
}
