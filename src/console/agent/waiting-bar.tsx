import type { FleetAgent } from '../../client/fleet-agent.ts'
import { isAsking } from '../../protocol/needs.ts'
import type { PermissionRequest } from '../../protocol/permission.ts'
import { Button } from '../parts/button.tsx'
import { visibleLine } from '../parts/visible.ts'

/** Maximum number of characters of a request on its button. */
const PART_CHARS = 40

interface WaitingBarProps {
  agent: FleetAgent
  onOpen(request: PermissionRequest): void
}

/** The open requests of an agent, within reach of a thumb. Each opens whole, before it can be answered. */
export function WaitingBar({ agent, onOpen }: WaitingBarProps) {
  return <div aria-live="polite">{isAsking(agent) && <Requests agent={agent} onOpen={onOpen} />}</div>
}

function Requests({ agent: { agent_id, pending, pending_omitted }, onOpen }: WaitingBarProps) {
  return (
    <section class="waiting-bar" aria-label="Requests that wait for you">
      {pending.map((request) => (
        <Button key={request.request_id} look="main" onClick={() => onOpen(request)}>
          {summaryOf(request)}
          {pending.length > 1 && partOf(request)}
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

/** Distinguishes requests of the same kind by the beginning of their description or input. */
function partOf({ description, input }: PermissionRequest): string {
  const text =
    description || Object.values(input).find((value) => typeof value === 'string' && value.trim() !== '')
  return typeof text === 'string' ? `: ${visibleLine(text, PART_CHARS)}` : ''
}

function summaryOf({ ask, tool, form }: PermissionRequest): string {
  if (ask === 'plan') return 'Review its plan'
  if (ask === 'question') return form ? 'Fill in its form' : 'Answer its question'
  return `Review its request to use ${/^[\w.$-]{1,80}$/.test(tool) ? tool : 'a tool'}`
}
