import type { Script } from 'node:vm'

interface Chunk {
  exports: object
}

/** Puts the code of a chunk into a function. The last parameter is the loader. */
export const wrapped = (source: string) =>
  `(function (exports, require, module, __filename, __dirname, FOMULAR_LOADER) { ${source}\n})`

/** Loads the chunks of the program. */
export interface ChunkLoader {
  /** Loads a chunk (`./core.js`) at its first use, and other modules with Node's own function. */
  load(name: string): unknown
  /** Reads a chunk into memory. */
  read(name: string): void
}

/** Reads and compiles chunks. */
export interface ChunkFiles extends Pick<ChunkLoader, 'read'> {
  /** Returns the code of a chunk, which `wrapped` has put into a function. */
  compile(name: string): Script
}

/** @param folder path of the folder that the chunks take for their own */
export function chunkLoader(node: NodeJS.Require, folder: string, files: ChunkFiles): ChunkLoader {
  const chunks = new Map<string, Chunk>()
  function load(name: string): unknown {
    if (!name.startsWith('./')) return node(name)
    const known = chunks.get(name)
    if (known) return known.exports
    const chunk: Chunk = { exports: {} }
    chunks.set(name, chunk)
    const run = files.compile(name).runInThisContext()
    run.call(chunk.exports, chunk.exports, load, chunk, `${folder}/${name.slice(2)}`, folder, loader)
    return chunk.exports
  }
  const loader = { load, read: (name: string) => void (chunks.has(name) || files.read(name)) }
  return loader
}
