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

type Needing = Pick<
  AgentStatus,
  | 'state'
  | 'since'
  | 'pending'
  | 'pending_omitted'
  | 'exit'
  | 'limited'
  | 'turn_failed'
  | 'restart_held_until'
> & { gone?: boolean | undefined }

/** Returns the reasons why an agent needs a person: its open requests, or else its state. */
export function needsOf(agent: Needing): Need[] {
  const { state, since, pending, exit } = agent
  if (agent.gone) return []
  if (pending.length > 0) return pending.map(needOf)
  if (agent.pending_omitted) return [{ id: UNLISTED, kind: 'permission' }]
  if (state === 'exited' && !agent.restart_held_until)
    return exit?.reason === 'stopped' ? [] : [{ id: `ended ${since}`, kind: 'ended' }]
  if (state === 'stopping') return []
  if (agent.limited) return [{ id: `limited ${since}`, kind: 'limited' }]
  if (state === 'failed' || agent.turn_failed || agent.restart_held_until)
    return [{ id: `failed ${since}`, kind: 'failed' }]
  return []
}

const needOf = (request: PermissionRequest): Need => ({
  id: `request ${request.request_id} ${request.digest ?? ''}`,
  kind: request.ask === 'tool' && !request.form ? 'permission' : 'question',
  request,
})
