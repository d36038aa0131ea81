import { answeredId } from '../events/ids.ts'
import type { Conversation } from '../runtimes/conversation.ts'
import { emptySnapshot } from '../state/reduce.ts'
import { dueOfEarlierVersion, readCursor } from './cursor.ts'
import type { AgentFolder } from './folder.ts'
import { Generations } from './generations.ts'
import { Inbox } from './inbox.ts'
import { Journal } from './journal.ts'
import { LimitOrders } from './limit-orders.ts'
import type { CursorRecord, Snapshot, SpecRecord } from './records.ts'
import { ServerCopy } from './server-copy.ts'

export interface AgentFiles extends Partial<Pick<CursorRecord, 'acked' | 'begin' | 'checkpoints'>> {
  inbox: Inbox
  journal: Journal
  generations: Generations
  contact: ServerCopy
  limits: LimitOrders
  /** State of the agent according to the part of its journal that earlier daemons have read. */
  snapshot: Snapshot
}

export interface OpenFilesOptions {
  record: SpecRecord
  runtime: Pick<Conversation, 'refuse'>
  /** True if the cursor records everything that was sent to a server. */
  toldCounts: boolean
  /** The current time (ISO 8601). */
  now: string
}

/**
 * Opens the agent's files that several parts of the daemon use.
 * @throws the system error; no file is open then
 */
export function openFiles(
  folder: AgentFolder,
  { record: { agent_id: id, spec, journal: first }, runtime, toldCounts, now }: OpenFilesOptions,
): AgentFiles {
  const inbox = new Inbox(folder)
  const journal = new Journal(folder.journal)
  try {
    const generations = new Generations(folder.generations, journal, first)
    const { apart, snapshot = emptySnapshot(now), ...rest } = readCursor(folder.cursor, journal) ?? {}
    const limits = new LimitOrders(folder.limit, spec.on_limit, journal.size())
    const contact = new ServerCopy(apart, journal, folder.spec, toldCounts)
    dueOfEarlierVersion(snapshot, { id, runtime })
    // An earlier daemon may have ended after it answered a request, but before it wrote its cursor. Drop such
    // requests.
    snapshot.pending = snapshot.pending.filter((request) => !inbox.hasAccepted(answeredId(id, request)))
    return { inbox, journal, generations, contact, limits, snapshot, ...rest }
  } catch (error) {
    journal.close()
    throw error
  }
}
