import { randomBytes } from 'node:crypto'
import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { shortageIn, systemCode } from './errors.ts'
import { readJson } from './files.ts'
import { ANSWER_S, holderAnswers, keepAnswering } from './lock-answer.ts'
import { Holder, isElsewhere, isSame, livingHolder, ownIdentity } from './lock-holder.ts'

export class LockHeldError extends Error {
  readonly holder: Holder
  /** True if the holder runs in another container or on another machine. */
  readonly elsewhere: boolean

  constructor(path: string, holder: Holder) {
    const elsewhere = isElsewhere(holder)
    super(`${path} is held by ${nameOf(holder)}`)
    this.name = 'LockHeldError'
    this.holder = holder
    this.elsewhere = elsewhere
  }
}

/** Returns a noun phrase that names the holder of a lock. */
export const nameOf = (holder: Holder) =>
  isElsewhere(holder)
    ? `process ${holder.pid} in another container or on another machine${holder.host ? ` (${holder.host})` : ''}`
    : `process ${holder.pid}`

/**
 * Maximum number of attempts: other processes may be replacing the lock of a dead process at the same time.
 */
const ATTEMPTS = 100

/**
 * Takes a lock, which is a file with the identity of its holder. If the holder has ended, for any reason, the
 * lock is free. A pid alone could not show that the holder has ended, and flock(2) would need a native addon.
 * @param silent a holder in another container or on another machine. It has not answered, so its lock counts
 * as free
 * @returns a function that releases the lock
 * @throws LockHeldError if the holder lives, or may live elsewhere
 */
export function acquireLock(path: string, silent?: Holder): () => void {
  const own = ownIdentity()
  const text = JSON.stringify(own)
  // A random part is necessary: processes in two containers can have the same pid.
  const temp = `${path}.${randomBytes(4).toString('hex')}.${own.pid}.tmp`
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      writeFileSync(temp, text, { mode: 0o600 })
      try {
        // linkSync() fails if the lock exists. The lock's file never exists without its content.
        linkSync(temp, path)
        const leave = keepAnswering(path, text)
        return () => {
          leave()
          release(path, own)
        }
      } catch (error) {
        // The lock's holder may remove the files of a process that it considers dead.
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
 * Takes a lock as `acquireLock` does. If the holder runs elsewhere and cannot be looked up, first asks the
 * holder whether it lives. The lock of a killed container is therefore free after some seconds.
 * @param waiting is called with a sentence that explains the delay
 * @throws LockHeldError
 */
export async function awaitLock(path: string, waiting: (text: string) => void): Promise<() => void> {
  try {
    return acquireLock(path)
  } catch (error) {
    if (!(error instanceof LockHeldError && error.elsewhere)) throw error
    waiting(`${error.message}: if it does not answer within ${ANSWER_S} seconds, it counts as gone`)
    if (await holderAnswers(path)) throw error
    return acquireLock(path, error.holder)
  }
}

/**
 * Takes a lock as `awaitLock` does.
 * @param refusal function that returns the error for the user if another process holds the lock
 */
export async function takeLock(
  path: string,
  waiting: (text: string) => void,
  refusal: (held: LockHeldError) => Error,
): Promise<() => void> {
  try {
    return await awaitLock(path, waiting)
  } catch (error) {
    throw error instanceof LockHeldError ? refusal(error) : error
  }
}

/** Returns the other process that now holds a lock of this process; undefined if there is none. */
export function otherHolder(path: string): Holder | undefined {
  const read = readJson(path, Holder)
  return read.ok && isSame(read.value, ownIdentity()) ? undefined : livingHolder(path)
}

/** Removes the lock of a dead process. @param aside temporary name that no other process uses */
function clearDead(path: string, aside: string, silent?: Holder) {
  const holder = livingHolder(path, silent)
  if (holder) throw new LockHeldError(path, holder)
  try {
    renameSync(path, aside)
    // Another process has replaced the lock in the meantime: put it back.
    if (livingHolder(aside, silent)) linkSync(aside, path)
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(systemCode(error) ?? '')) throw error
  } finally {
    // Another process may have replaced the file with a folder.
    rmSync(aside, { recursive: true, force: true })
  }
}

function release(path: string, own: Holder) {
  let holder: ReturnType<typeof readJson<Holder>>
  try {
    holder = readJson(path, Holder)
  } catch (error) {
    // The lock is free anyway as soon as this process ends.
    if (shortageIn(error)) return
    throw error
  }
  if (holder.ok && isSame(holder.value, own)) rmSync(path, { force: true })
}
