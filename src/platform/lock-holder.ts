import { readlinkSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import * as z from 'zod/mini'
import { readJson } from './files.ts'
import { identify, ProcessIdentity, startedAt } from './process-identity.ts'

/** Content of a lock's file: the holder, and the namespace of its pid. */
export const Holder = z.extend(ProcessIdentity, {
  /**
   * PID namespace of the holder, as Linux names it; empty if there is none. Older versions do not write this
   * field.
   */
  pid_ns: z.optional(z.string()),
  /** Name of the holder's machine or container. Older versions do not write this field. */
  host: z.optional(z.string()),
})
export type Holder = z.infer<typeof Holder>

let own: Required<Holder> | undefined

/** Returns this process as the holder of a lock. */
export function ownIdentity() {
  own ??= { ...identify(process.pid)!, pid_ns: ownNamespace(), host: hostname() }
  return own
}

function ownNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

export const isSame = (one: Holder, other: Holder | undefined) =>
  JSON.stringify(one) === JSON.stringify(other)

/**
 * Reports whether a process cannot be looked up from here, because its pid belongs to another container or
 * machine. A process on this machine may have another boot id because it ran during an earlier boot.
 */
export function isElsewhere({ pid_ns, host, boot_id }: Holder): boolean {
  if (pid_ns === undefined) return false
  const here = ownIdentity()
  return pid_ns !== here.pid_ns || (boot_id !== here.boot_id && host !== here.host)
}

/**
 * Returns the holder of a lock; undefined if the holder is known to have ended.
 * @param silent a holder in another container or on another machine. It has not answered, so it counts as
 * ended
 */
export function livingHolder(path: string, silent?: Holder): Holder | undefined {
  const read = readJson(path, Holder)
  if (!read.ok) return undefined
  if (isElsewhere(read.value)) return isSame(read.value, silent) ? undefined : read.value
  return livingWriter(read.value, path)
}

/** Returns the process that wrote its identity into a file, if it still runs. */
export function livingWriter(writer: ProcessIdentity, path: string): ProcessIdentity | undefined {
  const now = identify(writer.pid)
  if (now?.start !== writer.start) return undefined
  return now.boot_id === writer.boot_id || isOlder(now, path) ? now : undefined
}

/** Tolerance for start times, in ms, because their precision is only one second. */
const CLOCK_MS = 2000

/**
 * Reports whether a process already ran when a file was written. Within a container, one boot can have two
 * ids: the container's and the machine's. A service with its own /proc may see one id, and other processes
 * the other id. A file from an earlier boot is older than any running process, regardless of pid and start
 * ticks.
 */
function isOlder({ pid }: ProcessIdentity, path: string): boolean {
  const started = startedAt(pid)
  const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  return started !== undefined && written !== undefined && written >= started - CLOCK_MS
}
