import type { Event } from '../../protocol/index.ts'

type Request = Extract<Event, { kind: 'permission_request' }>

/**
 * Reports whether an event is a sub-agent's request that lacks the id of the tool use that started the
 * sub-agent.
 */
export const isOfSubagent = (event: Event): event is Request =>
  event.kind === 'permission_request' &&
  event.subagent_id !== undefined &&
  event.tool_use_id !== undefined &&
  event.parent_tool_use_id === undefined

/**
 * Adds the missing id to a sub-agent's request. Finds this id in the sub-agent's earlier `tool_use` event.
 * @param before events of the preceding lines, the latest line first
 * @returns the event unchanged if none of these events names the tool use
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
