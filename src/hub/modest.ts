import { bare } from '../protocol/bare-request.ts'
import { check } from '../protocol/check.ts'
import {
  type AgentStatus,
  type CommandResult,
  type FromDaemon,
  type MachineStatus,
  type PermissionRequest,
  Results,
} from '../protocol/index.ts'

/** Longest status, and longest request in it, in characters of JSON: everybody who looks gets all statuses. */
const STATUS_CHARS = 1024 * 1024
const REQUEST_CHARS = 64 * 1024
/** Longest result of a command: it is kept for those who ask again. */
const RESULT_CHARS = 64 * 1024
/** Entries kept of each list in a status that is too long. */
const KEPT = 20

/** A daemon's message whose statuses and results are no longer than what can be shown to everybody. */
export function modest<M extends FromDaemon>(message: M): M {
  if (message.type === 'agent:status') return { ...message, ...agent(message) }
  if (message.type === 'machine:status') return { ...message, ...machine(message) }
  // An error has limits of its own.
  if (isResult(message)) return message.ok && isLong(message, RESULT_CHARS) ? (named(message) as M) : message
  if (message.type !== 'machine:hello') return message
  return { ...message, machine: machine(message.machine), agents: message.agents.map(agent) }
}

export const isResult = (message: FromDaemon): message is CommandResult => message.type.endsWith(':result')

/** A result with the fields alone that its command is known to have. */
function named(result: CommandResult) {
  const { type, command_id, ok } = result
  const command = type.slice(0, -':result'.length)
  const schema = Object.hasOwn(Results, command) ? Results[command as keyof typeof Results] : undefined
  const checked = schema && check(schema, result)
  return { ...(checked?.success && checked.data), type, command_id, ok }
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
