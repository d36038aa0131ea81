import { open } from 'node:fs/promises'
import { systemCode } from '../../../platform/errors.ts'
import type { Damaged, StoredLine } from '../contents.ts'
import { wholeLine } from '../journal-line.ts'
import { seek } from './read-journal.ts'

const NEWLINE = 10
const BLOCK_BYTES = 1024 * 1024
/** Maximum length of a line, in bytes: far more than the longest frame. */
const LINE_BYTES = 256 * 1024 * 1024

/**
 * Yields the lines of a history that begin after an offset. Ignores an incomplete last line, which a hub may be
 * writing, or which a crash left.
 */
export async function* storedLines(
  path: string,
  after: number,
  damaged: Damaged,
): AsyncGenerator<StoredLine[]> {
  for await (const { at, lines } of lineBlocks(path, after)) {
    let position = at
    const whole: StoredLine[] = []
    for (const bytes of lines) {
      const head = wholeLine(bytes)
      if (!head) damaged(`the line at byte ${position} cannot be read`, 'record')
      else if (head.from > after) whole.push({ head, bytes })
      position += bytes.length + 1
    }
    if (whole.length > 0) yield whole
  }
}

/** Yields the lines of a file in blocks, without their newlines. */
async function* lineBlocks(path: string, after: number): AsyncGenerator<{ at: number; lines: Buffer[] }> {
  const file = await open(path, 'r').catch((error) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (!file) return
  try {
    const { size } = await file.stat()
    let at = await seek(path, size, after)
    for (let want = BLOCK_BYTES; at < size; ) {
      const block = Buffer.allocUnsafe(Math.min(want, size - at))
      const { bytesRead } = await file.read(block, 0, block.length, at)
      const end = block.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1
      if (end === 0) {
        if (bytesRead < want || want >= LINE_BYTES) return
        want *= 4
        continue
      }
      yield { at, lines: split(block.subarray(0, end)) }
      at += end
      want = BLOCK_BYTES
    }
  } finally {
    await file.close()
  }
}

function split(block: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let at = 0; at < block.length; ) {
    const end = block.indexOf(NEWLINE, at)
    lines.push(block.subarray(at, end))
    at = end + 1
  }
  return lines
}
