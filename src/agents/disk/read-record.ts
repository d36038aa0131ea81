import { lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import type * as z from 'zod/mini'
import { systemCode, UserError } from '../../platform/errors.ts'
import { type ReadResult, readJson } from '../../platform/files.ts'

/**
 * Reads a JSON file of an agent's folder. A file with the version number of a newer daemon counts as damaged:
 * an agent can write such a file, and must not be able to prevent the daemon from starting. Only the format
 * of the whole state folder shows whether a newer version ran here.
 * @throws UserError if another user owns the file and this user cannot read it; otherwise the system's error
 */
export function readRecord<T>(path: string, schema: z.ZodMiniType<T>): ReadResult<T> {
  try {
    return readJson(path, schema)
  } catch (error) {
    if (!(error instanceof UserError) || (error.code !== 'state_newer' && !isOwn(path))) throw error
    return { ok: false, reason: 'damaged', problem: error.message }
  }
}

/** Reports whether this user owns a path and can therefore change its permissions. */
export function isOwn(path: string): boolean {
  try {
    return lstatSync(path).uid === process.geteuid?.()
  } catch (error) {
    return systemCode(error) === 'EACCES' && dirname(path) !== path && isOwn(dirname(path))
  }
}
