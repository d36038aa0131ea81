import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Line } from '../../src/agents/disk/journal.ts'
import { decodeLine } from '../../src/agents/events/decode.ts'
import { hear } from '../../src/agents/events/hear.ts'
import { decode } from '../../src/agents/runtimes/claude/decode.ts'
import { claude } from '../../src/agents/runtimes/claude/index.ts'
import { AgentSpec, type Event } from '../../src/protocol/index.ts'

/** Returns the events of an agent from its journal, without using the code that sends events to a server. */
export function journalEvents(stateDir: string, agentId: string): Event[] {
  const bytes = readFileSync(join(stateDir, 'agents', agentId, 'activity.jsonl'))
  const events: Event[] = []
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(10, start)
    if (newline === -1) break
    events.push(...decodeLine(bytes.subarray(start, newline), start, decode))
    start = newline + 1
  }
  return events
}

/**
 * Returns the events of one line of the journal at `path`. The events may depend on earlier lines of the
 * journal.
 */
export const eventsOf = (line: Line, path: string): Event[] =>
  hear(line, undefined, {
    path,
    conversation: claude,
    run: { spec: AgentSpec.parse({ cwd: '/' }), initialize_id: 'i' },
    hasAccepted: () => false,
  }).events

/** Merges consecutive deltas, because a slow link may have merged them before it sent them. */
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
