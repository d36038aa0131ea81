import { closeSync, constants, readSync } from 'node:fs'
import { openPlain } from '../../platform/plain-files.ts'
import type { Event } from '../../protocol/index.ts'
import type { Line } from '../disk/journal.ts'
import type { EventBody } from '../runtimes/conversation.ts'
import { decodeLine, isOfLauncher } from './decode.ts'
import { mayJoin, withoutEarlier } from './joined-prompts.ts'
import { isOfSubagent, withParent } from './subagent-parent.ts'

/** Maximum distance between an event and the earlier lines that complete it, in bytes. */
const LOOK_BACK_BYTES = 4 * 1024 * 1024
const NEWLINE = 10

/** Completes the events of one line of the journal at `path` with facts from earlier lines. */
export function completed(
  events: Event[],
  line: Pick<Line, 'start'>,
  path: string,
  decode: (line: string) => EventBody[],
): Event[] {
  const complete = (event: Event) =>
    mayJoin(event)
      ? withoutEarlier(event, before())
      : isOfSubagent(event)
        ? withParent(event, before(event.tool_use_id))
        : event
  /**
   * @param id limits the result to the launcher's lines and lines with this id: finding an id is faster than
   * decoding a line
   */
  function* before(id = '') {
    for (const { start, bytes } of linesBefore(path, line.start))
      if (bytes.includes(id) || isOfLauncher(bytes)) yield decodeLine(bytes, start, decode)
  }
  try {
    return events.map(complete)
  } catch {
    // If the earlier lines cannot be read, a repeated or incomplete event is better than none.
    return events
  }
}

/** Yields the whole lines of a file in the last `LOOK_BACK_BYTES` before `offset`, the latest first. */
function* linesBefore(path: string, offset: number): Generator<{ start: number; bytes: Buffer }> {
  const from = Math.max(0, offset - LOOK_BACK_BYTES)
  const window = Buffer.alloc(offset - from)
  const fd = openPlain(path, constants.O_RDONLY)
  try {
    readSync(fd, window, 0, window.length, from)
  } finally {
    closeSync(fd)
  }
  for (let end = window.length - 1; end > 0; ) {
    const newline = window.lastIndexOf(NEWLINE, end - 1)
    // The line at the beginning of the window may be incomplete.
    if (newline === -1 && from > 0) return
    yield { start: from + newline + 1, bytes: window.subarray(newline + 1, end) }
    end = newline
  }
}
