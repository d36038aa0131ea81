import type { Event } from '../../protocol/index.ts'

/** A part of a journal for the server: the events in bytes `[from, to)`. */
export interface ActivityFrame {
  from: number
  to: number
  /** Generation of the journal that these bytes belong to, if it has a name. */
  journal?: string
  events: Event[]
  /** True if the frame ends at the end of a generation and another generation follows. */
  more: boolean
}

/**
 * Adds an event to a frame. Merges consecutive deltas. A frame has several consecutive deltas only if the
 * connection is slow.
 */
export function pushEvent(events: Event[], event: Event) {
  const last = events.at(-1)
  if (
    last &&
    (event.kind === 'text_delta' || event.kind === 'thinking_delta' || event.kind === 'tool_input_delta') &&
    last.kind === event.kind &&
    last.message_id === event.message_id &&
    last.block === event.block &&
    last.parent_tool_use_id === event.parent_tool_use_id
  )
    last.text += event.text
  else events.push(event)
}
