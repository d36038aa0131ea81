import { useEffect, useRef, useState } from 'preact/hooks'
import type { HubClient } from '../../client/hub-client.ts'
import { withUnlisted } from '../../client/unlisted-requests.ts'
import type { HubAgent } from '../../protocol/hub-objects.ts'

/**
 * Returns an agent with the requests that its status leaves out, once they are found in its history. While a newer
 * status is looked up, the requests that were found last stay. One search runs at a time, because an agent may
 * change its status much faster than a history can be searched.
 */
export function useListed(hub: HubClient, agent: HubAgent | undefined): HubAgent | undefined {
  const [whole, setWhole] = useState<HubAgent>()
  const [searched, setSearched] = useState<HubAgent>()
  const searching = useRef<HubClient | undefined>(undefined)
  useEffect(() => {
    if (!agent?.pending_omitted) return setWhole(undefined)
    if (agent === searched || searching.current === hub) return
    searching.current = hub
    const end = (found: HubAgent | undefined) => {
      // The page has changed to another agent.
      if (searching.current !== hub) return
      searching.current = undefined
      if (found) setWhole(found)
      setSearched(agent)
    }
    // After a failure, the page itself shows that it has lost the hub.
    withUnlisted(hub, agent).then(end, () => end(undefined))
  }, [hub, agent, searched])
  if (!agent?.pending_omitted || whole?.agent_id !== agent.agent_id || whole.machine_id !== agent.machine_id)
    return agent
  const { pending_omitted: _, ...rest } = agent
  const listed = new Set(agent.pending.map(({ request_id }) => request_id))
  const found = whole.pending.filter(({ request_id }) => !listed.has(request_id))
  return {
    ...rest,
    pending: [...agent.pending, ...found],
    ...(whole.pending_omitted && { pending_omitted: whole.pending_omitted }),
  }
}
