import { bare } from '../protocol/bare-request.ts'
import type { AgentStatus, FromDaemon, MachineStatus, PermissionRequest } from '../protocol/index.ts'

/** Longest status, and longest request in it, in characters of JSON: everybody who looks gets all statuses. */
const STATUS_CHARS = 1024 * 1024
const REQUEST_CHARS = 64 * 1024
/** Entries kept of each list in a status that is too long. */
const KEPT = 20

/** A daemon's message whose statuses are no longer than what can be shown to everybody. */
export function modest<M extends FromDaemon>(message: M): M {
  if (message.type === 'agent:status') return { ...message, ...agent(message) }
  if (message.type === 'machine:status') return { ...message, ...machine(message) }
  if (message.type !== 'machine:hello') return message
  return { ...message, machine: machine(message.machine), agents: message.agents.map(agent) }
}

const isLong = (value: unknown, chars: number) => JSON.stringify(value).length > chars

function agent<S extends AgentStatus>(status: S): S {
  if (!isLong(status, REQUEST_CHARS)) return status
  const { problems, background_tasks } = status
  const shown = { ...status, pending: status.pending.map(request) }
  if (!isLong(shown, STATUS_CHARS)) return shown
  return {
    ...shown,
    pending: status.pending.map(bare),
    ...(problems && { problems: problems.slice(0, KEPT) }),
    ...(background_tasks && { background_tasks: background_tasks.slice(0, KEPT) }),
  }
}

/** What is left out is in the event. */
function request(request: PermissionRequest): PermissionRequest {
  return isLong(request, REQUEST_CHARS) ? bare(request) : request
}

function machine<S extends MachineStatus>(status: S): S {
  if (!isLong(status, STATUS_CHARS)) return status
  const { update: _, ...rest } = status
  return {
    ...(rest as S),
    runtimes: status.runtimes.slice(0, KEPT).map(({ passed_over: _, ...runtime }) => runtime),
    problems: status.problems.slice(0, KEPT),
  }
}
