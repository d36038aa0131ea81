import { closeSync, constants, fstatSync, ftruncateSync, readFileSync, writeSync } from 'node:fs'
import { sleep } from './clock.ts'
import { systemCode } from './errors.ts'
import { openPlain } from './plain-files.ts'

/** Interval at which the holder of a lock checks for a question, in ms. */
const LOOK_MS = 1000
/**
 * Number of times that the asking process checks for the answer, at the same interval. This is enough for a
 * slow holder.
 */
const LOOKS = 10
/** Maximum wait for an answer, in seconds. */
export const ANSWER_S = (LOOKS * LOOK_MS) / 1000

/**
 * The question: this text is appended to a lock's file. The text is a blank, which JSON allows at the end of
 * a file, so every version can still read the file.
 */
const QUESTION = ' '
const NEITHER_LINK_NOR_NEW = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW

/**
 * Answers other processes that ask whether the holder of this lock lives. The answer is the removal of the
 * question from the file. Without a question, nothing is written, because the file may be on a network disk,
 * where writes are slow.
 * @param text content of the lock's file
 * @returns a function that stops answering
 */
export function keepAnswering(path: string, text: string): () => void {
  const timer = setInterval(() => {
    try {
      answer(path, text)
    } catch {
      // The disk has problems: try again after the next interval.
    }
  }, LOOK_MS).unref()
  return () => clearInterval(timer)
}

function answer(path: string, text: string) {
  const fd = openPlain(path, constants.O_RDWR)
  const bytes = Buffer.byteLength(text)
  try {
    // Do not truncate the lock's file if another holder has replaced it.
    if (fstatSync(fd).size > bytes && readFileSync(fd, 'utf8').startsWith(text)) ftruncateSync(fd, bytes)
  } finally {
    closeSync(fd)
  }
}

/**
 * Asks the holder of a lock, wherever it runs, whether it lives.
 * @returns false if the holder has not answered, or the lock is free by now
 * @throws the system's error
 */
export async function holderAnswers(path: string): Promise<boolean> {
  const asked = ask(path)
  for (let looks = 0; looks < LOOKS; looks++) {
    await sleep(LOOK_MS)
    const size = sizeOf(path)
    if (size === undefined) return false
    if (size < asked) return true
  }
  return false
}

/** Adds the question to the file. @returns the size of the file with the question, in bytes */
function ask(path: string): number {
  const fd = openPlain(path, NEITHER_LINK_NOR_NEW)
  try {
    writeSync(fd, QUESTION)
    return fstatSync(fd).size
  } finally {
    closeSync(fd)
  }
}

/**
 * Returns the size of a file. Opens the file, because a network disk reports the current size only for an
 * open file.
 */
function sizeOf(path: string): number | undefined {
  let fd: number
  try {
    fd = openPlain(path, constants.O_RDONLY)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    return fstatSync(fd).size
  } finally {
    closeSync(fd)
  }
}
