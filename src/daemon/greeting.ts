import { hostname } from 'node:os'
import { weightOf } from '../agents/state/json-weight.ts'
import { fitPending } from '../agents/state/pending.ts'
import { bootId } from '../platform/process-identity.ts'
import { VERSION } from '../platform/version.ts'
import { type AgentStatus, DAEMON_CAPABILITIES, type Hello, Limits, PROTOCOL } from '../protocol/index.ts'

/** Maximum length of an agent's folder in a shortened status, in bytes of JSON. */
const CWD_BYTES = 1024

type Own = Pick<Hello, 'machine_id' | 'started_at' | 'machine' | 'agents'> & Partial<Pick<Hello, 'labels'>>

/** A greeting, and the ids of the agents whose statuses are shortened in the greeting. */
export interface Greeting {
  hello: Hello
  shortened: string[]
}

/**
 * Returns a greeting that a server accepts, regardless of the size of its statuses. The greeting lists every
 * agent, because a server treats a missing agent as removed. If the statuses are too long, requests are left
 * out of `pending` first. Then optional fields are left out of the longest statuses.
 */
export function greet({ agents: statuses, ...own }: Own): Greeting {
  const rest = { ...presentation(own.started_at), ...own }
  const hello: Hello = { ...rest, agents: statuses }
  if (weightOf(hello) <= Limits.frame_bytes) return { hello, shortened: [] }
  const entries = statuses.map((status) => entryOf(status, { ...status, ...counted(status) }))
  let room = Limits.frame_bytes - weightOf(rest) - entries.reduce((sum, { weight }) => sum + weight, 0)
  for (const entry of [...entries].sort((a, b) => b.weight - a.weight)) {
    if (room >= 0) break
    const least = entryOf(entry.status, required(entry.status))
    room += entry.weight - least.weight
    Object.assign(entry, least, { short: true })
  }
  // Add the smallest requests first, so that larger requests can use the space that the smaller requests
  // leave.
  const asking = entries
    .map((entry) => ({ entry, asks: weightOf(entry.status.pending) }))
    .filter(({ entry }) => entry.status.pending.length > 0)
    .sort((a, b) => a.asks - b.asks)
  asking.forEach(({ entry }, n) => {
    const share = Math.max(0, room) / (asking.length - n)
    const fitted = fitPending(entry.status, share)
    const { pending, pending_omitted } = fitted
    if (fitted !== entry.status) entry.short = true
    const { pending_omitted: _, ...shown } = entry.shown
    room -= weightOf(pending)
    entry.shown = { ...shown, pending, ...(pending_omitted !== undefined && { pending_omitted }) }
  })
  return {
    hello: { ...rest, agents: entries.map(({ shown }) => shown) },
    shortened: entries.filter(({ short }) => short).map(({ status }) => status.agent_id),
  }
}

/** Returns the greeting's fields about this process and its machine. */
const presentation = (startedAt: string) => ({
  type: 'machine:hello' as const,
  protocol: PROTOCOL,
  instance_id: `${process.pid}@${startedAt}`,
  hostname: hostname(),
  os: process.platform,
  arch: process.arch,
  daemon_version: VERSION,
  node_version: process.versions.node,
  pid: process.pid,
  boot_id: bootId(),
  capabilities: [...DAEMON_CAPABILITIES],
})

interface Entry {
  status: AgentStatus
  /** The status as the greeting contains it, shortened if necessary. */
  shown: AgentStatus
  weight: number
  /** True if the greeting shortens the status. */
  short: boolean
}

/** Replaces a status's requests with the number of requests. */
const counted = ({ pending, pending_omitted = 0 }: AgentStatus) => ({
  pending: [],
  ...(pending.length + pending_omitted > 0 && { pending_omitted: pending.length + pending_omitted }),
})

/** The weight includes the comma after the status. */
const entryOf = (status: AgentStatus, shown: AgentStatus): Entry => ({
  status,
  shown,
  weight: weightOf(shown) + 1,
  short: false,
})

/** Returns the shortest form of a status: at most `Limits.greeted_agent_bytes`. */
function required(status: AgentStatus): AgentStatus {
  const { agent_id, revision, state, since, runtime, cwd, run, undelivered_prompts } = status
  const { begin, acked, end, journal } = status
  return {
    agent_id,
    revision,
    state,
    since,
    runtime,
    cwd: headOf(cwd),
    run,
    ...counted(status),
    undelivered_prompts,
    begin,
    acked,
    end,
    ...(journal !== undefined && { journal }),
  }
}

function headOf(text: string): string {
  let head = text.slice(0, CWD_BYTES)
  // Shorten the text step by step, because its size is hard to predict: an escaped character can take up to
  // six bytes.
  while (Buffer.byteLength(JSON.stringify(head)) > CWD_BYTES) head = head.slice(0, -CWD_BYTES / 8)
  return head
}
