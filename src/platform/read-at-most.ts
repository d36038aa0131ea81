import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { systemCode } from './errors.ts'

const CHUNK_BYTES = 64 * 1024
/** Maximum wait for a pipe, in ms. */
const PIPE_MS = 10_000
const PAUSE_MS = 20
/** Maximum size of a PEM file, in bytes. A system's bundle of certificates has 0.2 to 0.5 MB. */
const PEM_BYTES = 8 * 1024 * 1024

/**
 * Reads at most `bytes` bytes of a file that a user has named. The file may be a device or a pipe. A pipe
 * without a writer counts as empty.
 * @param pipeMs maximum time until a pipe ends, in ms
 * @throws the system's error, or an Error if the file is longer, or a pipe does not end
 */
export function readAtMost(path: string, bytes: number, pipeMs = PIPE_MS): { text: string; mode: number } {
  // Without O_NONBLOCK, opening a pipe would block until it has a writer.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const until = Date.now() + pipeMs
  try {
    const chunks: Buffer[] = []
    let length = 0
    // A pipe may deliver less than requested.
    for (;;) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, bytes + 1 - length))
      const got = readReady(fd, chunk)
      if (got === 0) break
      if (got === undefined) {
        if (Date.now() >= until) throw new Error(`it is a pipe that has not ended within ${pipeMs / 1000} s`)
        pause(PAUSE_MS)
        continue
      }
      chunks.push(chunk.subarray(0, got))
      length += got
      if (length > bytes) throw new Error(`it is longer than ${bytes} bytes`)
    }
    return { text: Buffer.concat(chunks).toString('utf8'), mode: fstatSync(fd).mode }
  } finally {
    closeSync(fd)
  }
}

/** Reads a file of certificates or keys. @throws as `readAtMost` */
export const readPem = (path: string): string => readAtMost(path, PEM_BYTES).text

/** Reads available data. @returns the number of bytes; undefined if no data is available yet */
function readReady(fd: number, chunk: Buffer): number | undefined {
  try {
    return readSync(fd, chunk, 0, chunk.length, null)
  } catch (error) {
    if (systemCode(error) === 'EAGAIN') return undefined
    throw error
  }
}

const pause = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
