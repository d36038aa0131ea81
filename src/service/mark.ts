import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { systemCode } from '../platform/errors.ts'

/** What a service's file says of itself, in a comment. */
const Mark = z.object({
  format: z.literal(1),
  state_dir: z.string(),
  /** The user it runs as. */
  user: z.string(),
  /** Where it is not the daemon. */
  runs: z.optional(z.enum(['hub', 'up'])),
  /** Path of the program that it starts. */
  program: z.optional(z.string()),
})
export type Mark = z.infer<typeof Mark>

const WORD = 'fomular-daemon service'

/** Without `--`, which ends a comment in XML. */
export const markText = (mark: Mark) => `${WORD} ${JSON.stringify(mark).replace(/--/g, '-\\u002d')}`

export type Installed = { text: string; mark: Mark | undefined }

/** The file of an installed service; undefined where there is none. A file without a mark was written by hand. */
export function readInstalled(path: string): Installed | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  return { text, mark: parseMark(text) }
}

/** What a service's file says of itself; undefined for one that was written by hand. */
export function parseMark(text: string): Mark | undefined {
  const [, json] = new RegExp(`${WORD} (\\{.*\\})`).exec(text) ?? []
  if (json === undefined) return undefined
  try {
    return Mark.parse(JSON.parse(json))
  } catch {
    return undefined
  }
}
