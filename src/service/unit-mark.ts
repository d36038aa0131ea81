import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { ifPresent } from '../platform/or-undefined.ts'

/** Facts about a service that this program records in a comment of the service's file. */
const UnitMark = z.object({
  format: z.literal(1),
  state_dir: z.string(),
  /** Name of the user that the service runs as. */
  user: z.string(),
  /** The program that the service runs; absent for a daemon. */
  runs: z.optional(z.enum(['hub', 'up'])),
  /** Path of the program that the service starts. */
  program: z.optional(z.string()),
  /** Path of the policy, if an option of `service install` named it. */
  policy: z.optional(z.string()),
})
export type UnitMark = z.infer<typeof UnitMark>

const WORD = 'fomular-daemon service'

/**
 * Returns the mark as text for a comment. The text contains no `--`, which XML does not allow in comments.
 */
export const markText = (mark: UnitMark) => `${WORD} ${JSON.stringify(mark).replace(/--/g, '-\\u002d')}`

export type Installed = { text: string; mark: UnitMark | undefined }

/**
 * Reads the file of an installed service. Returns undefined if the file does not exist. A file without a mark
 * was written by hand.
 */
export function readInstalled(path: string): Installed | undefined {
  const text = ifPresent(() => readFileSync(path, 'utf8'))
  return text === undefined ? undefined : { text, mark: parseMark(text) }
}

/** Returns the mark in a service file's text; undefined if the file was written by hand. */
export function parseMark(text: string): UnitMark | undefined {
  const [, json] = new RegExp(`${WORD} (\\{.*\\})`).exec(text) ?? []
  if (json === undefined) return undefined
  try {
    return UnitMark.parse(JSON.parse(json))
  } catch {
    return undefined
  }
}
