import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { sleep } from './clock.ts'
import { systemCode } from './errors.ts'

/** How often a holder looks whether it is asked, in ms. */
const LOOK_MS = 1000
/** How often one that asks looks for the answer: long enough for a holder that is held up. */
const LOOKS = 10
/** Time for an answer, in seconds. */
export const ANSWER_S = (LOOKS * LOOK_MS) / 1000

/** What whoever asks adds to a lock's file: JSON may have it at its end, so that every version can still read it. */
const QUESTION = ' '
const NEITHER_LINK_NOR_NEW = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW

/**
 * Answers, while this process holds a lock, who asks whether it lives: by taking the question out of the file. A disk, its
 * own or a network's, is written to only when somebody asks.
 * @param text of the lock's file
 * @returns a function that ends it
 */
export function keepAnswering(path: string, text: string): () => void {
  const timer = setInterval(() => {
    try {
      answer(path, text)
    } catch {
      // A disk in trouble: looked at again.
    }
  }, LOOK_MS).unref()
  return () => clearInterval(timer)
}

function answer(path: string, text: string) {
  const fd = openSync(path, 'r+')
  try {
    // Of another holder's file, which may have taken its place, nothing is cut off.
    if (fstatSync(fd).size > text.length && readFileSync(fd, 'latin1').startsWith(text))
      ftruncateSync(fd, text.length)
  } finally {
    closeSync(fd)
  }
}

/**
 * Asks the holder of a lock whether it lives, wherever it runs.
 * @returns false if it has not answered, or the lock is free by now
 * @throws the system's error
 */
export async function answers(path: string): Promise<boolean> {
  const asked = ask(path)
  for (let looks = 0; looks < LOOKS; looks++) {
    await sleep(LOOK_MS)
    const size = sizeOf(path)
    if (size === undefined) return false
    if (size < asked) return true
  }
  return false
}

/** @returns the size of the file with the question, in bytes */
function ask(path: string): number {
  const fd = openSync(path, NEITHER_LINK_NOR_NEW)
  try {
    writeSync(fd, QUESTION)
    return fstatSync(fd).size
  } finally {
    closeSync(fd)
  }
}

/** What a network's disk has of an open file is never out of date. */
function sizeOf(path: string): number | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
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
