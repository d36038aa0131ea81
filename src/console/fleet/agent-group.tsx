import { useEffect, useState } from 'preact/hooks'
import type { FleetAgent } from '../../client/fleet-agent.ts'
import { Button } from '../parts/button.tsx'
import { whenIdle } from '../parts/when-idle.ts'
import { AgentRow } from './agent-row.tsx'
import { agentKey } from './fleet.ts'
import { GROUP_TITLES, type Group } from './groups.ts'

/** Number of agents of a group that are drawn at once, and of those that are drawn soon after, and on request. */
const FIRST = 20
const STEP = 100

interface AgentGroupProps {
  group: Group
  agents: FleetAgent[]
  /** True while more agents arrive. */
  isLoading: boolean
}

/** The agents of one group. Groups that need nobody can be folded. */
export function AgentGroup({ group, agents, isLoading }: AgentGroupProps) {
  const [most, setMost] = useState(FIRST)
  useEffect(() => {
    if (isLoading || most >= Math.min(STEP, agents.length)) return
    return whenIdle(() => setMost(most + FIRST))
  }, [isLoading, most, agents.length])
  if (agents.length === 0) return null
  return (
    <details class="agent-group" open>
      <summary>
        <h2>
          {GROUP_TITLES[group]} <span>{agents.length}</span>
        </h2>
      </summary>
      <ul>
        {agents.slice(0, most).map((agent) => (
          <li key={agentKey(agent)}>
            <AgentRow agent={agent} />
          </li>
        ))}
      </ul>
      {most >= STEP && agents.length > most && (
        <Button look="quiet" onClick={() => setMost(most + STEP)}>
          Show {Math.min(STEP, agents.length - most)} more of {agents.length}
        </Button>
      )}
    </details>
  )
}
