import type { AuditFilter } from '../../client/hub-answers.ts'
import type { HubClient } from '../../client/hub-client.ts'
import type { AuditEntry } from '../../protocol/audit.ts'

/** Number of entries on a page. */
const PAGE = 100
/** Number of entries that one request for older entries searches, at most what the hub returns at once. */
const WINDOW = 1000
/** Maximum number of requests for a page of older entries. */
const REQUESTS = 10

/** Entries of the audit log, the oldest first. */
export interface AuditEntries {
  entries: AuditEntry[]
  /** Entries from this number on are known. Without older entries, it is the number of the oldest entry. */
  from: number
  hasOlder: boolean
}

export async function newestEntries(
  hub: Pick<HubClient, 'audit'>,
  filter: AuditFilter,
): Promise<AuditEntries> {
  const { entries, first, next } = await hub.audit(filter, { limit: PAGE })
  const isFull = entries.length === PAGE
  const from = isFull ? entries[0]!.n : first
  return { entries, from: Math.min(from, next + 1), hasOlder: isFull && from > first }
}

/** Returns the entries with those of at least one older page. */
export async function withOlder(
  hub: Pick<HubClient, 'audit'>,
  filter: AuditFilter,
  known: AuditEntries,
): Promise<AuditEntries> {
  let { entries, from, hasOlder } = known
  const wanted = entries.length + PAGE
  for (let request = 0; request < REQUESTS && hasOlder && entries.length < wanted; request++) {
    const after = Math.max(0, from - 1 - WINDOW)
    const page = await hub.audit(filter, { after, limit: WINDOW })
    entries = [...page.entries.filter(({ n }) => n < from), ...entries]
    from = Math.max(after + 1, page.first)
    hasOlder = from > page.first
  }
  return { entries, from, hasOlder }
}
