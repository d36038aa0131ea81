import type { FleetAgent } from '../../client/fleet-agent.ts'
import { isAsking } from '../../protocol/needs.ts'
import type { PermissionRequest } from '../../protocol/permission.ts'
import { Button } from '../parts/button.tsx'

interface WaitingBarProps {
  agent: FleetAgent
  onOpen(request: PermissionRequest): void
}

/** The open requests of an agent, within reach of a thumb. Each opens whole, before it can be answered. */
export function WaitingBar({ agent, onOpen }: WaitingBarProps) {
  const { agent_id, pending, pending_omitted } = agent
  if (!isAsking(agent)) return null
  return (
    <section class="waiting-bar" aria-label="Requests that wait for you">
      {pending.map((request) => (
        <Button key={request.request_id} look="main" onClick={() => onOpen(request)}>
          {summaryOf(request)}
        </Button>
      ))}
      {pending_omitted !== undefined && pending_omitted > 0 && (
        <p>
          {pending.length > 0 ? 'And ' : ''}
          {pending_omitted === 1 ? '1 request' : `${pending_omitted} requests`} that the hub does not list. To
          read and answer: <code>fomular-daemon agent show {agent_id}</code>
        </p>
      )}
    </section>
  )
}

function summaryOf({ ask, tool, form }: PermissionRequest): string {
  if (ask === 'plan') return 'Review its plan'
  if (ask === 'question') return form ? 'Fill in its form' : 'Answer its question'
  return `Review its request to use ${/^[\w.$-]{1,80}$/.test(tool) ? tool : 'a tool'}`
}
