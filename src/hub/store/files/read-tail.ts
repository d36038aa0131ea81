import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { systemCode } from '../../../platform/errors.ts'

const NEWLINE = 10
/** Shared by all reads: a buffer for each file would cost more than the read. */
const block = Buffer.allocUnsafe(16 * 1024)

/**
 * Returns the size of a file of lines, and its last line without the newline. The line is valid until the next
 * call. Returns undefined if there is no file, no line, or a last line that is incomplete or long.
 * @throws the system error
 */
export function readTail(path: string): { size: number; line: Buffer } | undefined {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const { size } = fstatSync(fd)
    const from = Math.max(0, size - block.length)
    const end = readSync(fd, block, 0, size - from, from) - 1
    if (from + end + 1 !== size || block[end] !== NEWLINE) return undefined
    const start = end === 0 ? 0 : block.lastIndexOf(NEWLINE, end - 1) + 1
    return start === 0 && from > 0 ? undefined : { size, line: block.subarray(start, end) }
  } finally {
    closeSync(fd)
  }
}
