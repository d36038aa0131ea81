import type { FleetAgent } from '../../client/fleet-agent.ts'
import { ago } from '../parts/ago.ts'
import { Name } from '../parts/name.tsx'
import { now } from '../parts/time.ts'
import { agentHref } from '../route.ts'
import { GROUP_TITLES, groupOf } from './groups.ts'
import './agent-row.css'

/** An agent in a list, with its title, its activity or request, and its machine. */
export function AgentRow({ agent }: { agent: FleetAgent }) {
  const group = groupOf(agent)
  return (
    <a class={`agent-row agent-row-${group}`} href={agentHref(agent)}>
      <span class="agent-row-mark" aria-hidden="true" />
      <Name class="agent-row-title" text={agent.title || agent.agent_id} />
      <span class="agent-row-what">
        <Name text={whatOf(agent) ?? GROUP_TITLES[group]} />
      </span>
      <span class="agent-row-where">
        <Name text={agent.machine_name ?? agent.machine_id} />
        {!agent.connected && <strong> (not connected)</strong>} · <Name text={agent.cwd} />
      </span>
      <time class="agent-row-when" dateTime={agent.since}>
        {ago(agent.since, now.value)}
      </time>
    </a>
  )
}

/** Returns what an agent waits for, or why it stopped; undefined if its group already tells it. */
function whatOf(agent: FleetAgent): string | undefined {
  if (agent.gone) return 'Removed from its machine; only its history is left'
  const [request] = agent.pending
  if (request) {
    const more = agent.pending.length + (agent.pending_omitted ?? 0) - 1
    const rest = more > 0 ? `, and ${more} more` : ''
    if (request.ask === 'plan') return `Asks you to approve its plan${rest}`
    if (request.ask === 'question') return `Asks a question${rest}`
    return `Asks to use ${request.tool}${rest}`
  }
  if (agent.failure) return agent.failure.message
  if (agent.limited)
    return agent.limited.until ? `Limit resets ${ago(agent.limited.until, now.value)}` : undefined
  if (agent.turn_failed) return agent.turn_failed.message ?? agent.turn_failed.outcome
  if (agent.queued) return agent.queued.reason
  if (agent.exit) return agent.exit.detail ?? `Ended: ${agent.exit.reason}`
  return agent.turn_interrupted
}
