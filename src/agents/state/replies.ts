import type { Event } from '../../protocol/index.ts'
import { shorten } from '../../protocol/shorten.ts'
import type { Inbox } from '../disk/inbox.ts'
import type { RunRecord, Snapshot } from '../disk/records.ts'

type Reply = Snapshot['replies'][number]

/** Maximum number of replies that are kept to answer repeated commands. */
const KEPT = 32
/** Maximum length of an error message, for example in the result of a command. */
const ERROR_CHARS = 4096
const CODE_CHARS = 200

/** Returns a filter for events. The filter removes replies to requests that the daemon never sent. */
export const isWanted =
  ({ inbox, run }: { inbox: Inbox; run: RunRecord }) =>
  (event: Event): boolean =>
    event.kind !== 'reply' || event.request_id === run.initialize_id || inbox.hasAccepted(event.request_id)

/** Records a reply, unless there is already a reply to the same request. */
export function keepReply(snapshot: Snapshot, reply: Reply) {
  if (snapshot.replies.some(({ request_id }) => request_id === reply.request_id)) return
  snapshot.replies = [...snapshot.replies.slice(1 - KEPT), short(reply)]
}

/** Applies the limits to replies that an earlier daemon has recorded. */
export function boundReplies(snapshot: Snapshot) {
  snapshot.replies = snapshot.replies.slice(-KEPT).map(short)
}

const short = ({ request_id, ok, error, code }: Reply): Reply => ({
  request_id,
  ok,
  ...(error && { error: shorten(error, ERROR_CHARS) }),
  ...(code && { code: shorten(code, CODE_CHARS) }),
})
