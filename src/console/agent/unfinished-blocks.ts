import { type EventId, isBefore } from '../../client/event-id.ts'
import type { Event } from '../../protocol/events.ts'
import { sizeOf } from './event-size.ts'

/** A piece of a block that is still being written, or all its pieces so far. */
type Delta = Extract<Event, { kind: 'text_delta' | 'thinking_delta' | 'tool_input_delta' }>

/** An event in a window. */
export interface Entry {
  event: Event
  /** Id of the last piece, if the event consists of several pieces. Otherwise the id of the event. */
  last: EventId
  /** Approximate memory, in bytes. */
  bytes: number
}

/** Maximum length of an unfinished block, in characters. The beginning of a longer block is dropped. */
const BLOCK_CHARS = 1_000_000

/** The kind of the pieces of each kind of finished block. */
const PIECES: Partial<Record<Event['kind'], Delta['kind']>> = {
  text: 'text_delta',
  thinking: 'thinking_delta',
  tool_use: 'tool_input_delta',
}

const isDelta = (event: Event): event is Delta =>
  event.kind === 'text_delta' || event.kind === 'thinking_delta' || event.kind === 'tool_input_delta'

const keyOf = ({ kind, parent_tool_use_id, message_id, block }: Delta) =>
  JSON.stringify([kind, parent_tool_use_id, message_id, block])

const entryOf = (event: Event): Entry => ({
  event,
  last: { offset: event.offset, index: event.index },
  bytes: sizeOf(event),
})

/** The blocks of a window that are still being written at the window's end. */
export class UnfinishedBlocks {
  /** Unfinished blocks by their keys, in the order in which they began. */
  #open = new Map<string, Entry>()

  /** Adds an event to the end of the window. @returns the memory by which the window has grown, in bytes */
  add(entries: Entry[], event: Event): number {
    const entry = entryOf(event)
    if (isDelta(event)) {
      const key = keyOf(event)
      const open = this.#open.get(key)
      // The window may contain later pieces than its end, because its end was dropped.
      if (open) return isBefore(open.last, event) ? extend(open, entry) : 0
      this.#open.set(key, entry)
      entries.push(entry)
      return entry.bytes
    }
    const finished = this.#finish(event)
    if (finished) entries.splice(entries.lastIndexOf(finished), 1)
    entries.push(entry)
    return entry.bytes - (finished?.bytes ?? 0)
  }

  /**
   * Joins these blocks, which are at the end of `earlier`, with the window `entries` that follows.
   * @param later the unfinished blocks of `entries`, which become those of both windows together
   */
  join(earlier: Entry[], entries: Entry[], later: UnfinishedBlocks) {
    const gone = new Set<Entry>()
    for (const entry of entries) {
      if (this.#open.size === 0) break
      const { event } = entry
      if (!isDelta(event)) {
        const finished = this.#finish(event)
        if (finished) gone.add(finished)
        continue
      }
      const key = keyOf(event)
      const open = this.#open.get(key)
      if (!open) continue
      extend(open, entry)
      gone.add(entry)
      this.#open.delete(key)
      if (later.#open.get(key) === entry) later.#open.set(key, open)
    }
    later.#open = new Map([...this.#open, ...later.#open])
    return [...earlier, ...entries].filter((entry) => !gone.has(entry))
  }

  /** Forgets the blocks that are no longer in the window. */
  keep(isKept: (entry: Entry) => boolean) {
    for (const [key, entry] of this.#open) if (!isKept(entry)) this.#open.delete(key)
  }

  /** Makes blocks unfinished again, because events after them were dropped. */
  reopen(entries: Entry[]) {
    for (const entry of entries) this.#open.set(keyOf(entry.event as Delta), entry)
  }

  /** Takes note of an event. @returns the unfinished block that the event contains as a whole */
  #finish(event: Event): Entry | undefined {
    if (event.kind === 'process_started' || event.kind === 'set_back') this.#open.clear()
    if (event.kind === 'turn_result')
      this.keep((entry) => entry.event.parent_tool_use_id !== event.parent_tool_use_id)
    const kind = PIECES[event.kind]
    if (kind === undefined || this.#open.size === 0) return undefined
    if (event.kind === 'text' && event.error !== undefined) return undefined
    const { message_id, parent_tool_use_id } = event as Delta
    for (const [key, entry] of this.#open) {
      const open = entry.event as Delta
      if (open.kind !== kind || open.parent_tool_use_id !== parent_tool_use_id) continue
      // Older runtimes do not name the message of a piece.
      if (open.message_id !== undefined && open.message_id !== message_id) continue
      this.#open.delete(key)
      return entry
    }
    return undefined
  }
}

/**
 * Appends a piece of a block to the pieces before it. The event itself is not changed, so that it differs from the
 * event before.
 * @returns the memory by which the block has grown, in bytes
 */
function extend(entry: Entry, { event, last }: Entry): number {
  const before = entry.event as Delta
  const { length } = before.text
  let text = before.text + (event as Delta).text
  if (text.length > 2 * BLOCK_CHARS) text = text.slice(-BLOCK_CHARS)
  const grown = (text.length - length) * 2
  entry.event = { ...before, text }
  entry.last = last
  entry.bytes += grown
  return grown
}
