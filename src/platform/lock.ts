import { randomBytes } from 'node:crypto'
import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { shortageIn, systemCode } from './errors.ts'
import { readJson } from './files.ts'
import { ANSWER_S, answers, keepAnswering } from './lock-answer.ts'
import { Holder, isElsewhere, isSame, livingHolder, ownIdentity } from './lock-holder.ts'

export class LockHeldError extends Error {
  readonly holder: Holder
  /** Whether it runs in another container or on another machine. */
  readonly elsewhere: boolean

  constructor(path: string, holder: Holder) {
    const elsewhere = isElsewhere(holder)
    super(`${path} is held by ${nameOf(holder)}`)
    this.name = 'LockHeldError'
    this.holder = holder
    this.elsewhere = elsewhere
  }
}

/** A holder, within a sentence. */
export const nameOf = (holder: Holder) =>
  isElsewhere(holder)
    ? `process ${holder.pid} in another container or on another machine${holder.host ? ` (${holder.host})` : ''}`
    : `process ${holder.pid}`

/** Others may be between taking a dead lock away and putting their own. */
const ATTEMPTS = 100

/**
 * Takes a lock that is a file with its holder's identity. One whose holder is gone, by whatever end, is free: a bare pid
 * would not tell, and flock(2) is not to be had without a native addon.
 * @param silent a holder elsewhere that has not answered, whose lock is free
 * @returns a function that releases it
 * @throws LockHeldError while its holder lives, or may live elsewhere
 */
export function acquireLock(path: string, silent?: Holder): () => void {
  const own = ownIdentity()
  const text = JSON.stringify(own)
  // In two containers, two processes have one pid.
  const temp = `${path}.${randomBytes(4).toString('hex')}.${own.pid}.tmp`
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      writeFileSync(temp, text, { mode: 0o600 })
      try {
        // Fails if there is one already, and is never there without its content.
        linkSync(temp, path)
        const leave = keepAnswering(path, text)
        return () => {
          leave()
          release(path, own)
        }
      } catch (error) {
        // The holder of the lock may clear away what it takes for a dead process's.
        if (!['EEXIST', 'ENOENT'].includes(systemCode(error) ?? '')) throw error
      }
      clearDead(path, temp.replace(/\.\d+\.tmp$/, `.dead.${own.pid}.tmp`), silent)
    }
    throw new Error(`${path} could not be taken`)
  } finally {
    rmSync(temp, { force: true })
  }
}

/**
 * Takes a lock as `acquireLock` does. A holder elsewhere, which cannot be looked up from here, is asked first whether it
 * lives: the lock of a container that was killed is free some seconds later.
 * @param waiting is told that this takes its time, as a sentence
 * @throws LockHeldError
 */
export async function awaitLock(path: string, waiting: (text: string) => void): Promise<() => void> {
  try {
    return acquireLock(path)
  } catch (error) {
    if (!(error instanceof LockHeldError && error.elsewhere)) throw error
    waiting(`${error.message}: it has ${ANSWER_S} seconds to answer, and counts as gone if it does not`)
    if (await answers(path)) throw error
    return acquireLock(path, error.holder)
  }
}

/** Another process that has the lock by now which this one had taken. */
export function otherHolder(path: string): Holder | undefined {
  const read = readJson(path, Holder)
  return read.ok && isSame(read.value, ownIdentity()) ? undefined : livingHolder(path)
}

/** @param aside a name of this process's own */
function clearDead(path: string, aside: string, silent?: Holder) {
  const holder = livingHolder(path, silent)
  if (holder) throw new LockHeldError(path, holder)
  try {
    renameSync(path, aside)
    // Somebody else had cleared and taken it since it was looked at: it is theirs.
    if (livingHolder(aside, silent)) linkSync(aside, path)
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(systemCode(error) ?? '')) throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function release(path: string, own: Holder) {
  let holder: ReturnType<typeof readJson<Holder>>
  try {
    holder = readJson(path, Holder)
  } catch (error) {
    // It is free all the same as soon as this process has ended.
    if (shortageIn(error)) return
    throw error
  }
  if (holder.ok && isSame(holder.value, own)) rmSync(path, { force: true })
}
