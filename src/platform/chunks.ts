import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

declare const FOMULAR_CHUNKS: string | undefined

/**
 * Folder that contains only this program's chunks; undefined if this program is a single file, or the source
 * runs directly.
 */
export const CHUNKS: string | undefined = typeof FOMULAR_CHUNKS === 'string' ? FOMULAR_CHUNKS : undefined

/**
 * Name of the folder in which Node keeps the compiled form of the chunks. It is next to the chunks. No
 * package contains it.
 */
export const COMPILE_CACHE = 'compile-cache'

/**
 * Loads every chunk of this program now, because an update or npm may replace the folder while this process
 * runs.
 * @throws Node's error if a chunk is missing or damaged
 */
export function loadChunks() {
  if (CHUNKS === undefined) return
  const load = createRequire(join(CHUNKS, 'main.js'))
  for (const name of readdirSync(CHUNKS)) if (name.endsWith('.js')) load(`./${name}`)
}
