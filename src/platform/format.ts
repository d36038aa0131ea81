import { join } from 'node:path'
import * as z from 'zod/mini'
import { UserError } from './errors.ts'
import { readJson, writeAtomic } from './files.ts'

/** `format.json`: the format of a folder as a whole. Read before anything else in it, and written after all else. */
export const FormatRecord = z.object({
  version: z.literal(1),
  format: z.int().check(z.nonnegative()),
  /** Whether a version has run here that looks at what others can change. Absent from older ones, which leave it as it is. */
  judged: z.optional(z.boolean()),
})

/**
 * What brings a folder from each format to the next, the first from format 0. It may be cut short by a crash, and is then
 * done again from its beginning.
 */
export type Upgrades = readonly ((dir: string) => void)[]

export const formatFile = (dir: string) => join(dir, 'format.json')

/**
 * The format of a folder, 0 for one that does not say.
 * @throws UserError for one that was written by a newer version: nothing in it is to be read or touched
 */
export function readFormat(dir: string, upgrades: Upgrades): number {
  const read = readJson(formatFile(dir), FormatRecord)
  const format = read.ok ? read.value.format : 0
  if (format <= upgrades.length) return format
  throw new UserError(
    'state_newer',
    `The folder ${dir} was written by a newer version (format ${format}; this one knows ${upgrades.length}).`,
    { remedy: 'Install that version again, or use another folder. This one was left as it is.' },
  )
}

/** Brings a folder that nobody else uses to the newest format. @throws UserError */
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

/** Says in a folder whose format an older version has written that this one has looked at what others can change. */
export function noteJudged(dir: string): void {
  const read = readJson(formatFile(dir), FormatRecord)
  if (!read.ok || read.value.judged) return
  writeAtomic(formatFile(dir), JSON.stringify({ ...read.value, judged: true }), { durable: true })
}
