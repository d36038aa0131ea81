import { bareRequest } from '../../protocol/bare-request.ts'
import {
  type AgentStatus,
  type CommandResult,
  type FromDaemon,
  type MachineStatus,
  type PermissionRequest,
  Results,
} from '../../protocol/index.ts'
import { check } from '../../protocol/schema-check.ts'
import { shownLength } from '../registry/client-json.ts'
import { head, shortened } from '../registry/short-status.ts'

/**
 * Maximum lengths of an agent's status, of a request in this status, and of a machine's status. They are in
 * UTF-16 units as sent to clients. The lengths are limited because every client gets all statuses.
 */
const STATUS_CHARS = 1024 * 1024
const REQUEST_CHARS = 64 * 1024
const MACHINE_CHARS = 128 * 1024
/** Maximum length of a host name, which is repeated for each agent of the machine. */
const HOSTNAME_CHARS = 256
/** Maximum length of a result, which is kept for repeated requests. */
const RESULT_CHARS = 64 * 1024
/** Number of entries that each list keeps in a status that is too long. */
const KEPT = 20

/** Returns a daemon's message with its statuses and results cut to the maximum lengths. */
export function cutToLimits<M extends FromDaemon>(message: M): M {
  if (message.type === 'agent:status') return { ...message, ...agent(message) }
  if (message.type === 'machine:status') return { ...message, ...machine(message) }
  // An error need not be cut, because the schema limits its length.
  if (isResult(message)) return message.ok && isLong(message, RESULT_CHARS) ? (named(message) as M) : message
  if (message.type !== 'machine:hello') return message
  const { hostname, machine: status, agents } = message
  return {
    ...message,
    hostname: head(hostname, HOSTNAME_CHARS),
    machine: machine(status),
    agents: agents.map(agent),
  }
}

export const isResult = (message: FromDaemon): message is CommandResult => message.type.endsWith(':result')

/** Returns a result with only the fields in its schema. */
function named(result: CommandResult) {
  const { type, command_id, ok } = result
  const command = type.slice(0, -':result'.length)
  const schema = Object.hasOwn(Results, command) ? Results[command as keyof typeof Results] : undefined
  const checked = schema && check(schema, result)
  return { ...(checked?.success && checked.data), type, command_id, ok }
}

const isLong = (value: unknown, chars: number) => shownLength(value) > chars

function agent<S extends AgentStatus>(status: S): S {
  if (!isLong(status, REQUEST_CHARS)) return status
  const { problems, background_tasks } = status
  const shown = { ...status, pending: status.pending.map(request) }
  if (!isLong(shown, STATUS_CHARS)) return shown
  const less = {
    ...shown,
    pending: status.pending.map(bareRequest),
    ...(problems && { problems: problems.slice(0, KEPT) }),
    ...(background_tasks && { background_tasks: background_tasks.slice(0, KEPT) }),
  }
  return isLong(less, STATUS_CHARS) ? shortened(less) : less
}

/** Shortens a long request. The event contains the whole request. */
function request(request: PermissionRequest): PermissionRequest {
  return isLong(request, REQUEST_CHARS) ? bareRequest(request) : request
}

function machine<S extends MachineStatus>(status: S): S {
  if (!isLong(status, MACHINE_CHARS)) return status
  const { update: _, ...rest } = status
  const less = {
    ...(rest as S),
    runtimes: status.runtimes.slice(0, KEPT).map(({ passed_over: _, ...runtime }) => runtime),
    problems: status.problems.slice(0, KEPT),
  }
  return isLong(less, MACHINE_CHARS) ? { ...less, runtimes: [], problems: [] } : less
}
