import type { Line } from '../disk/journal.ts'
import type { Conversation, Run } from '../runtimes/conversation.ts'
import { completed } from './complete-events.ts'
import { type HasAccepted, type HeardLine, hearLine, tooLong } from './decode.ts'

export interface Hearing {
  /** Path of the journal. */
  path: string
  conversation: Conversation
  run: Run
  hasAccepted: HasAccepted
}

/**
 * Reads a line of the journal. `state` is the conversation's state before the line. The function is pure,
 * except that it may read earlier lines of the journal.
 */
export function hear(
  line: Line,
  state: unknown,
  { path, conversation, run, hasAccepted }: Hearing,
): HeardLine {
  if (line.tooLong)
    return { events: tooLong(line.start, line.end - 1 - line.start, line.bytes), inputs: [], state }
  const onLine = (text: string) => conversation.onLine(text, state, run)
  const heard = hearLine(line.bytes, line.start, state, onLine, hasAccepted)
  // A stateful conversation has already completed its events from its state.
  if (conversation.isStateful) return heard
  const decode = (text: string) => conversation.onLine(text, undefined, run).events
  return { ...heard, events: completed(heard.events, line, path, decode) }
}
