import { join } from 'node:path'
import * as z from 'zod/mini'
import { UserError } from './errors.ts'
import { readJson, writeAtomic } from './files.ts'

/**
 * Content of `format.json`: the format of a whole folder. This file is read before all other files of the
 * folder, and written after them.
 */
export const FormatRecord = z.object({
  version: z.literal(1),
  format: z.int().check(z.nonnegative()),
  /**
   * True if the folder was used by a version of this program that checks whether other users have access.
   * Older versions do not set this field, but keep it.
   */
  judged: z.optional(z.boolean()),
})

/**
 * Steps that upgrade a folder from each format to the next. The first step upgrades from format 0. After a
 * crash, a step runs again from its beginning.
 */
export type Upgrades = readonly ((dir: string) => void)[]

export const formatFile = (dir: string) => join(dir, 'format.json')

/**
 * Returns the format of a folder, 0 if it has none.
 * @throws UserError if a newer version wrote the folder: do not read or change anything in it
 */
export function readFormat(dir: string, upgrades: Upgrades): number {
  const read = readJson(formatFile(dir), FormatRecord)
  const format = read.ok ? read.value.format : 0
  if (format <= upgrades.length) return format
  throw new UserError(
    'state_newer',
    `The folder ${dir} was written by a newer version (format ${format}; this one knows ${upgrades.length}).`,
    { remedy: 'Install the newer version again, or use another folder. Nothing was changed.' },
  )
}

/** Upgrades a folder to the newest format. No other process may be using the folder. @throws UserError */
export function upgradeFolder(dir: string, upgrades: Upgrades): void {
  const from = readFormat(dir, upgrades)
  for (const [format, upgrade] of upgrades.entries()) {
    if (format < from) continue
    upgrade(dir)
    writeAtomic(formatFile(dir), JSON.stringify({ version: 1, format: format + 1, judged: true }), {
      durable: true,
    })
  }
}

/** Records that this version has checked whether other users have access to the folder. */
export function noteJudged(dir: string): void {
  const read = readJson(formatFile(dir), FormatRecord)
  if (!read.ok || read.value.judged) return
  writeAtomic(formatFile(dir), JSON.stringify({ ...read.value, judged: true }), { durable: true })
}
