import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeLine } from '../../src/agents/events/decode.ts'
import { claude } from '../../src/agents/runtimes/claude/index.ts'
import type { Event } from '../../src/protocol/index.ts'

/** Returns the events of an agent from its journal, bypassing the parts that bring them to a server. */
export function journalEvents(stateDir: string, agentId: string): Event[] {
  const bytes = readFileSync(join(stateDir, 'agents', agentId, 'activity.jsonl'))
  const events: Event[] = []
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(10, start)
    if (newline === -1) break
    events.push(...decodeLine(bytes.subarray(start, newline), start, claude.decode))
    start = newline + 1
  }
  return events
}

/** Merges consecutive deltas: a lagging link may have sent them merged. */
export function merged(events: Event[]): Event[] {
  const out: Event[] = []
  for (const event of events) {
    const last = out.at(-1)
    if (
      last &&
      (event.kind === 'text_delta' || event.kind === 'thinking_delta' || event.kind === 'tool_input_delta') &&
      last.kind === event.kind &&
      last.block === event.block &&
      last.message_id === event.message_id &&
      last.parent_tool_use_id === event.parent_tool_use_id
    )
      last.text += event.text
    else out.push({ ...event })
  }
  return out
}
