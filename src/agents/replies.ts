import type { Event } from '../protocol/index.ts'
import { shorten } from '../protocol/shorten.ts'
import type { Inbox } from './inbox.ts'
import type { RunRecord, Snapshot } from './records.ts'

type Reply = Snapshot['replies'][number]

/** Maximum number of replies that are kept for commands that are asked about again. */
const KEPT = 32
/** Maximum length of an error, as in the result of a command. */
const ERROR_CHARS = 4096
const CODE_CHARS = 200

/** Makes a test for events to take in: all but replies to requests that nobody has made. */
export const isWanted =
  ({ inbox, run }: { inbox: Inbox; run: RunRecord }) =>
  (event: Event): boolean =>
    event.kind !== 'reply' || event.request_id === run.initialize_id || inbox.accepted(event.request_id)

/** Keeps a reply; of several to one request, the first. */
export function keepReply(snapshot: Snapshot, reply: Reply) {
  if (snapshot.replies.some(({ request_id }) => request_id === reply.request_id)) return
  snapshot.replies = [...snapshot.replies.slice(1 - KEPT), short(reply)]
}

/** Bounds what an earlier daemon has kept. */
export function boundReplies(snapshot: Snapshot) {
  snapshot.replies = snapshot.replies.slice(-KEPT).map(short)
}

const short = ({ request_id, ok, error, code }: Reply): Reply => ({
  request_id,
  ok,
  ...(error && { error: shorten(error, ERROR_CHARS) }),
  ...(code && { code: shorten(code, CODE_CHARS) }),
})
