import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { Agent } from './agent.ts'

/** The end of what an agent said. */
const CHARS = 2000
const BYTES = 4 * CHARS

/** Why an agent ended before it was ready: what its last run wrote to stderr. */
export function ownWords({ folder, run, snapshot }: Pick<Agent, 'folder' | 'run' | 'snapshot'>) {
  const words = endOf(folder.stderr, run.stderr_from ?? 0)
    .slice(-CHARS)
    .trim()
    .replace(/^error: /i, '')
  return {
    code: 'start_failed',
    message: words || `The agent ended before it was ready (exit code ${snapshot.exit?.code ?? 'unknown'}).`,
  }
}

/** @param from where in the file to begin, in bytes. @returns an empty text where the run has written nothing, or where the file cannot be read */
function endOf(path: string, from: number): string {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const { size } = fstatSync(fd)
    // A file that has become shorter was cut at its front.
    const begin = size < from ? 0 : from
    const bytes = Buffer.alloc(Math.min(BYTES, size - begin))
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, size - bytes.length)).toString()
  } catch {
    return ''
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
