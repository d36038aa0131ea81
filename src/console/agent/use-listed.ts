import { useEffect, useState } from 'preact/hooks'
import type { HubClient } from '../../client/hub-client.ts'
import { withUnlisted } from '../../client/unlisted-requests.ts'
import type { HubAgent } from '../../protocol/hub-objects.ts'

/**
 * Returns an agent with the requests that its status leaves out, once they are found in its history. While a newer
 * status is looked up, the requests that were found last stay.
 */
export function useListed(hub: HubClient, agent: HubAgent | undefined): HubAgent | undefined {
  const [whole, setWhole] = useState<HubAgent>()
  const revision = agent?.pending_omitted ? `${agent.machine_id} ${agent.agent_id} ${agent.revision}` : ''
  useEffect(() => {
    if (!agent?.pending_omitted) return setWhole(undefined)
    let isCurrent = true
    withUnlisted(hub, agent).then(
      (found) => isCurrent && setWhole(found),
      // The page itself shows that it has lost the hub.
      () => {},
    )
    return () => {
      isCurrent = false
    }
  }, [hub, revision])
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
