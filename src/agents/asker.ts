import type { Event } from '../protocol/index.ts'

type Request = Extract<Event, { kind: 'permission_request' }>

/** Whether a sub-agent asks and the runtime does not say which tool use started it. */
export const isOfSubagent = (event: Event): event is Request =>
  event.kind === 'permission_request' &&
  event.subagent_id !== undefined &&
  event.tool_use_id !== undefined &&
  event.parent_tool_use_id === undefined

/**
 * Says whose request it is: the sub-agent has told of the tool use that it asks about, and whose that is.
 * @param before the lines before it, the last first, as their events
 * @returns the same event if none of them does
 */
export function withParent(event: Request, before: Iterable<Event[]>): Event {
  for (const events of before)
    for (const one of events)
      if (one.kind === 'tool_use' && one.tool_use_id === event.tool_use_id)
        return one.parent_tool_use_id === undefined
          ? event
          : { ...event, parent_tool_use_id: one.parent_tool_use_id }
      else if (one.kind === 'process_started') return event
  return event
}
