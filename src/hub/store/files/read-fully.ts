import { readSync } from 'node:fs'

/**
 * Fills a buffer from a file. A read may return fewer bytes, for example before a damaged part of the disk.
 * @throws the system error, or Error if the file ends early
 */
export function readFully(fd: number, buffer: Buffer, position: number) {
  for (let at = 0; at < buffer.length; ) {
    const read = readSync(fd, buffer, at, buffer.length - at, position + at)
    if (read === 0) throw new Error('The file ended while it was read.')
    at += read
  }
}
