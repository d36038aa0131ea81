import { readlinkSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import * as z from 'zod/mini'
import { readJson } from './files.ts'
import { identify, ProcessIdentity, startedAt } from './process-identity.ts'

/** What is in a lock's file: who holds it, and where its pid counts. */
export const Holder = z.extend(ProcessIdentity, {
  /** Its namespace of processes, as Linux names it; empty where there is none. Absent from older versions. */
  pid_ns: z.optional(z.string()),
  /** Name of its machine or container. Absent from older versions. */
  host: z.optional(z.string()),
})
export type Holder = z.infer<typeof Holder>

let own: Required<Holder> | undefined

/** This process, as the holder of a lock. */
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
 * Whether a process cannot be looked up from here, since its pid counts in another container or on another machine. One of
 * this machine may be of an earlier boot, which had another id.
 */
export function isElsewhere({ pid_ns, host, boot_id }: Holder): boolean {
  if (pid_ns === undefined) return false
  const here = ownIdentity()
  return pid_ns !== here.pid_ns || (boot_id !== here.boot_id && host !== here.host)
}

/**
 * The process that holds a lock, unless it is known to have ended.
 * @param silent one elsewhere that has not answered: it counts as ended
 */
export function livingHolder(path: string, silent?: Holder): Holder | undefined {
  const read = readJson(path, Holder)
  if (!read.ok) return undefined
  if (isElsewhere(read.value)) return isSame(read.value, silent) ? undefined : read.value
  return livingWriter(read.value, path)
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
