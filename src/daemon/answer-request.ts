import type { Agent } from '../agents/agent.ts'
import { CommandFailure } from '../agents/command-failure.ts'
import { uuidFrom } from '../agents/events/ids.ts'
import type { PermissionAnswer } from '../agents/runtimes/conversation.ts'
import { type CommandOf, type PermissionRequest, unanswerable } from '../protocol/index.ts'
import { checkRunning } from './check-running.ts'

type Answer = CommandOf<'agent:permission' | 'agent:answer'>

/**
 * Answers a pending request once. A repeated answer succeeds without effect, even if nothing is pending.
 * @throws CommandFailure if the answer belongs to another request
 */
export function answerRequest(
  agent: Agent,
  command: Answer,
  read: (request: PermissionRequest) => PermissionAnswer,
) {
  const id = uuidFrom('answer', agent.id, command.command_id)
  if (agent.inbox.hasAccepted(id)) return
  const request = requestFor(agent, command)
  // An agent that is being stopped would receive the answer too late: after the request to end its session.
  checkRunning(agent)
  agent.answer(
    request,
    agent.runtime.answerPermission(id, request, read(request), agent.snapshot.conversation),
  )
}

/**
 * Returns the request that a command answers.
 * @throws CommandFailure if there is no such request, or if the command may not answer it
 */
export function requestFor(agent: Agent, command: Answer): PermissionRequest {
  const { request_id, digest } = command
  const { trust } = agent.launching
  const all = trust ? [trust, ...agent.snapshot.pending] : agent.snapshot.pending
  const request = all.find((pending) => pending.request_id === request_id)
  if (!request)
    throw new CommandFailure(
      'request_not_pending',
      `${agent.id} is not waiting for an answer to ${request_id}.`,
      {
        path: 'request_id',
        remedy: 'The request was answered or withdrawn, or never existed.',
      },
    )
  // A request that an older daemon recorded has no digest. If the agent makes the request again, it has a
  // digest.
  const isOther = digest !== undefined && request.digest !== undefined && digest !== request.digest
  if (isOther || (command.type === 'agent:permission' && (command.tool ?? request.tool) !== request.tool))
    throw new CommandFailure(
      'request_changed',
      `${agent.id} has changed its request ${request_id} since this answer was given.`,
      { path: isOther ? 'digest' : 'tool', remedy: "Look at the agent's current request, and answer it." },
    )
  // A refusal permits nothing, so it is safe for any request.
  if (isRefusal(command)) return request
  const isUnnamed = digest === undefined || request.digest === undefined
  if (isUnnamed && agent.snapshot.ids_reused)
    throw new CommandFailure(
      'request_changed',
      `${agent.id} has used one id for different requests: ${request_id} alone is ambiguous.`,
      { path: 'digest', remedy: 'Look at the current request. Then answer it with its digest, or deny it.' },
    )
  if (request.cut)
    throw new CommandFailure(
      'invalid_command',
      `The request ${request_id} of ${agent.id} was too long and was cut, so nobody has seen all of it.`,
      { path: 'request_id', remedy: 'Deny it, and tell the agent to ask in fewer words.' },
    )
  const fault = unanswerable(request)
  if (fault !== undefined)
    throw new CommandFailure(
      'invalid_command',
      `The request ${request_id} of ${agent.id} cannot be answered. ${fault}`,
      {
        path: 'request_id',
        remedy: 'Deny it, and tell the agent to ask in other words.',
      },
    )
  return request
}

const isRefusal = (command: Answer) =>
  command.type === 'agent:permission' ? command.decision === 'deny' : isEnd(command.action)
const isEnd = (action: string | undefined) => action === 'decline' || action === 'cancel'
