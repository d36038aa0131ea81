import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const CHUNK_BYTES = 64 * 1024

/**
 * Reads a file named by a user, which may be a device or a pipe, up to a limit of `bytes`.
 * @throws the system's error, or an Error if the file is longer
 */
export function readAtMost(path: string, bytes: number): { text: string; mode: number } {
  const fd = openSync(path, 'r')
  try {
    const chunks: Buffer[] = []
    let length = 0
    // A pipe gives less than is asked for.
    for (;;) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, bytes + 1 - length))
      const got = readSync(fd, chunk, 0, chunk.length, null)
      if (got === 0) break
      chunks.push(chunk.subarray(0, got))
      length += got
      if (length > bytes) throw new Error(`it is longer than ${bytes} bytes`)
    }
    return { text: Buffer.concat(chunks).toString('utf8'), mode: fstatSync(fd).mode }
  } finally {
    closeSync(fd)
  }
}
