import type { PushKind } from './hub-push.ts'
import type { PermissionRequest } from './permission.ts'
import type { AgentStatus } from './status.ts'

/** A reason why an agent needs a person. */
export interface Need {
  /** Identifies the reason among all reasons of the agent, also earlier ones. */
  id: string
  kind: PushKind
  /** The request that waits for an answer. */
  request?: PermissionRequest
}

/** Id of the need of an agent whose status leaves out all requests. */
export const UNLISTED = 'unlisted'

type Asking = Pick<AgentStatus, 'pending' | 'pending_omitted'>

/** Reports whether an agent has open requests, even if its status leaves them out. */
export const isAsking = ({ pending, pending_omitted = 0 }: Asking): boolean =>
  pending.length + pending_omitted > 0

type Needing = Asking &
  Pick<AgentStatus, 'state' | 'since' | 'exit' | 'limited' | 'turn_failed' | 'restart_held_until'> & {
    gone?: boolean | undefined
  }

/**
 * Returns why an agent does not work by itself: the first reason that applies. An agent that has ended is not
 * at a limit, and has not failed, even if its last turn did.
 */
export function standstillOf(
  agent: Omit<Needing, 'since'>,
): 'asking' | 'ended' | 'limited' | 'failed' | undefined {
  const { state, restart_held_until } = agent
  if (agent.gone) return 'ended'
  if (isAsking(agent)) return 'asking'
  if (state === 'exited' && !restart_held_until) return 'ended'
  if (state === 'stopping') return undefined
  if (agent.limited) return 'limited'
  return state === 'failed' || agent.turn_failed || restart_held_until ? 'failed' : undefined
}

/** Returns the reasons why an agent needs a person: its open requests, or else its state. */
export function needsOf(agent: Needing): Need[] {
  const standstill = standstillOf(agent)
  if (!standstill || agent.gone) return []
  if (standstill === 'asking')
    return agent.pending.length > 0 ? agent.pending.map(needOf) : [{ id: UNLISTED, kind: 'permission' }]
  if (standstill === 'ended' && agent.exit?.reason === 'stopped') return []
  return [{ id: `${standstill} ${agent.since}`, kind: standstill }]
}

const needOf = (request: PermissionRequest): Need => ({
  id: `request ${request.request_id} ${request.digest ?? ''}`,
  kind: request.ask === 'tool' && !request.form ? 'permission' : 'question',
  request,
})
