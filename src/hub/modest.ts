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
import { head, shortened } from './short-status.ts'
import { shownLength } from './shown.ts'

/**
 * Longest status of an agent, longest request in it, and longest status of a machine, in characters of JSON as clients
 * are sent it: everybody who looks gets all statuses.
 */
const STATUS_CHARS = 1024 * 1024
const REQUEST_CHARS = 64 * 1024
const MACHINE_CHARS = 128 * 1024
/** Longest name of a host, which is in the list with each of its agents. */
const HOSTNAME_CHARS = 256
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
  const { hostname, machine: status, agents } = message
  return {
    ...message,
    hostname: head(hostname, HOSTNAME_CHARS),
    machine: machine(status),
    agents: agents.map(agent),
  }
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

const isLong = (value: unknown, chars: number) => shownLength(value) > chars

function agent<S extends AgentStatus>(status: S): S {
  if (!isLong(status, REQUEST_CHARS)) return status
  const { problems, background_tasks } = status
  const shown = { ...status, pending: status.pending.map(request) }
  if (!isLong(shown, STATUS_CHARS)) return shown
  const less = {
    ...shown,
    pending: status.pending.map(bare),
    ...(problems && { problems: problems.slice(0, KEPT) }),
    ...(background_tasks && { background_tasks: background_tasks.slice(0, KEPT) }),
  }
  return isLong(less, STATUS_CHARS) ? shortened(less) : less
}

/** What is left out is in the event. */
function request(request: PermissionRequest): PermissionRequest {
  return isLong(request, REQUEST_CHARS) ? bare(request) : request
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
