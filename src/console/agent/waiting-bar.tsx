import type { FleetAgent } from '../../client/follow-fleet.ts'
import type { PermissionRequest } from '../../protocol/permission.ts'
import { Button } from '../parts/button.tsx'

interface WaitingBarProps {
  agent: FleetAgent
  onOpen(request: PermissionRequest): void
}

/** The open requests of an agent, within reach of a thumb. Each opens whole, before it can be answered. */
export function WaitingBar({ agent: { pending, pending_omitted }, onOpen }: WaitingBarProps) {
  if (pending.length === 0) return null
  return (
    <section class="waiting-bar" aria-label="Requests that wait for you">
      {pending.map((request) => (
        <Button key={request.request_id} look="main" onClick={() => onOpen(request)}>
          {summaryOf(request)}
        </Button>
      ))}
      {pending_omitted !== undefined && <p>And {pending_omitted} more.</p>}
    </section>
  )
}

function summaryOf({ ask, tool, form }: PermissionRequest): string {
  if (ask === 'plan') return 'Review its plan'
  if (ask === 'question') return form ? 'Fill in its form' : 'Answer its question'
  return `Review its request to use ${/^[\w.$-]{1,80}$/.test(tool) ? tool : 'a tool'}`
}
