import { closeSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { systemCode } from '../../platform/errors.ts'
import { openOwnPlain } from '../../platform/plain-files.ts'
import type { AgentFolder } from './folder.ts'

/** Maximum size of `inputs.jsonl`, in bytes, which is enough for millions of ids. */
const LOG_BYTES = 256 * 1024 * 1024

/** All ids that an inbox has ever accepted, in `inputs.jsonl`. */
export class AcceptedIds {
  readonly #folder: Pick<AgentFolder, 'inputs'>
  readonly #ids: Set<string>

  constructor(folder: Pick<AgentFolder, 'inputs'>) {
    this.#folder = folder
    this.#ids = new Set(readLog(folder.inputs))
  }

  has(id: string) {
    return this.#ids.has(id)
  }

  /** @throws the file system's error; the ids are not recorded then */
  add(ids: string[]) {
    const fd = openOwnPlain(this.#folder.inputs, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT)
    try {
      writeFileSync(fd, ids.map((id) => `\n${id}`).join(''))
    } finally {
      closeSync(fd)
    }
    for (const id of ids) this.#ids.add(id)
  }

  /**
   * Records an id. If the disk is full, the id is remembered only until this daemon ends.
   * @returns whether the id is on the disk
   */
  mark(id: string): boolean {
    if (this.#ids.has(id)) return true
    try {
      this.add([id])
      return true
    } catch {
      this.#ids.add(id)
      return false
    }
  }
}

/**
 * Reads the accepted ids. Each entry starts with a newline, so that an incomplete entry does not damage the
 * next entry.
 */
function readLog(path: string): string[] {
  let fd: number
  try {
    fd = openOwnPlain(path, constants.O_RDONLY, LOG_BYTES)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
  try {
    return readFileSync(fd, 'utf8').split('\n')
  } finally {
    closeSync(fd)
  }
}
