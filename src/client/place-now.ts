import type { HubAgent } from '../protocol/hub-objects.ts'

/** Returns an event id that is not lower than the id of any event recorded so far. */
export const placeNow = (agent: HubAgent): string | undefined =>
  agent.offset === 0 ? undefined : `${agent.offset - 1}.999999999`
