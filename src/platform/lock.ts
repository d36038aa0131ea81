import { linkSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { shortageIn, systemCode } from './errors.ts'
import { readJson } from './files.ts'
import { identify, ProcessIdentity, startedAt } from './process-identity.ts'

export class LockHeldError extends Error {
  readonly holder: ProcessIdentity

  constructor(path: string, holder: ProcessIdentity) {
    super(`${path} is held by process ${holder.pid}`)
    this.name = 'LockHeldError'
    this.holder = holder
  }
}

/** Others may be between taking a dead lock away and putting their own. */
const ATTEMPTS = 100

/**
 * Takes a lock that is a file with its holder's identity. One whose holder is gone, by whatever end, is free: a bare pid
 * would not tell, and flock(2) is not to be had without a native addon.
 * @returns a function that releases it
 * @throws LockHeldError while its holder lives
 */
export function acquireLock(path: string): () => void {
  const own = identify(process.pid)!
  const temp = `${path}.${own.pid}.tmp`
  try {
    writeFileSync(temp, JSON.stringify(own), { mode: 0o600 })
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        // Fails if there is one already, and is never there without its content.
        linkSync(temp, path)
        return () => release(path, own)
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error
      }
      clearDead(path, `${path}.dead.${own.pid}.tmp`)
    }
    throw new Error(`${path} could not be taken`)
  } finally {
    rmSync(temp, { force: true })
  }
}

/** @param aside a name of this process's own */
function clearDead(path: string, aside: string) {
  const holder = livingHolder(path)
  if (holder) throw new LockHeldError(path, holder)
  try {
    renameSync(path, aside)
    // Somebody else had cleared and taken it since it was looked at: it is theirs.
    if (livingHolder(aside)) linkSync(aside, path)
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(systemCode(error) ?? '')) throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function livingHolder(path: string): ProcessIdentity | undefined {
  const holder = readJson(path, ProcessIdentity)
  return holder.ok ? livingWriter(holder.value, path) : undefined
}

/** The process that has written itself into a file, while it runs. */
export function livingWriter(writer: ProcessIdentity, path: string): ProcessIdentity | undefined {
  const now = identify(writer.pid)
  if (now?.start !== writer.start) return undefined
  return now.boot_id === writer.boot_id || isOlder(now, path) ? now : undefined
}

/** The start of a process is known to the second. */
const CLOCK_MS = 2000

/**
 * Whether a process was there when a file was written. In a container one boot has two ids, the container's and the
 * machine's, and a service with a /proc of its own sees the other. A file of an earlier boot is older than any process
 * of this one, whatever its pid and the ticks of its start.
 */
function isOlder({ pid }: ProcessIdentity, path: string): boolean {
  const started = startedAt(pid)
  const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  return started !== undefined && written !== undefined && written >= started - CLOCK_MS
}

function release(path: string, own: ProcessIdentity) {
  let holder: ReturnType<typeof readJson<ProcessIdentity>>
  try {
    holder = readJson(path, ProcessIdentity)
  } catch (error) {
    // It is free all the same as soon as this process has ended.
    if (shortageIn(error)) return
    throw error
  }
  if (holder.ok && holder.value.pid === own.pid && holder.value.start === own.start)
    rmSync(path, { force: true })
}
