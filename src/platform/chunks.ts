import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

declare const FOMULAR_CHUNKS: string | undefined
/** The loader in `packaging/`; absent if Node itself loads the chunks. */
declare const FOMULAR_LOADER: { load(name: string): unknown; read(name: string): void } | undefined

/**
 * Folder that contains only this program's chunks; undefined if this program is a single file, or the source
 * runs directly.
 */
export const CHUNKS: string | undefined = typeof FOMULAR_CHUNKS === 'string' ? FOMULAR_CHUNKS : undefined

/**
 * Name of the folder with the compiled form of the chunks. It is next to the chunks. No package contains it.
 */
export const COMPILE_CACHE = 'compile-cache'

/** Name of the file that loads the chunks. */
const LOADER = 'loader.js'

/**
 * Reads every chunk of this program into memory, because an update or npm may replace the folder while this
 * process runs.
 * @throws the system's error if a chunk is missing
 */
export function readChunks() {
  const { load, read = load } = loader()
  for (const name of names()) read(name)
}

/**
 * Loads every chunk of this program.
 * @throws an error if a chunk is missing or damaged
 */
export function loadChunks() {
  const { load } = loader()
  for (const name of names()) load(name)
}

function names(): string[] {
  if (CHUNKS === undefined) return []
  return readdirSync(CHUNKS)
    .filter((name) => name.endsWith('.js') && name !== LOADER)
    .map((name) => `./${name}`)
}

const loader = (): { load(name: string): unknown; read?(name: string): void } =>
  typeof FOMULAR_LOADER === 'object'
    ? FOMULAR_LOADER
    : { load: createRequire(join(CHUNKS ?? '/', 'main.js')) }
