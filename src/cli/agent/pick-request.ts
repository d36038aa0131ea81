import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { HubAgent, PermissionRequest } from '../../protocol/index.ts'
import { cleanLine } from '../render/clean.ts'
import { typedName } from '../render/permission.ts'

/** Maximum number of requests that a message lists. */
const LISTED = 10
const NAME_CHARS = 100

interface Picked {
  request: PermissionRequest
  /** True if the user gave the request's complete name (see `nameOf`). No other request has this name. */
  named: boolean
}

const refused = (code: string, message: string, remedy: string) =>
  new UserError(code, message, { remedy, exitCode: EXIT.refused })

/** Returns the name of a request: its digest or, for a request from an older daemon, its id. */
export const nameOf = ({ digest, request_id }: PermissionRequest) => digest ?? request_id

/**
 * Returns the request whose digest or id is `given`, or begins with `given`. If `given` is undefined, returns
 * the only pending request.
 * @throws UserError
 */
export function pickRequest(
  { agent_id, pending, pending_omitted }: HubAgent,
  given: string | undefined,
): Picked {
  const names = pending
    .slice(0, LISTED)
    .map((request) => `${typedName(request)} (${cleanLine(request.tool, NAME_CHARS)})`)
  const list = [...names, ...(pending.length > LISTED ? [`${pending.length - LISTED} more`] : [])].join(', ')
  if (pending.length === 0 && pending_omitted)
    throw refused(
      'request_not_listed',
      `The hub does not list the open requests of ${agent_id}, and its latest activity does not contain them.`,
      `To make the agent ask again, end its turn: fomular-daemon agent interrupt ${agent_id}`,
    )
  if (pending.length === 0)
    throw refused(
      'request_not_pending',
      `${agent_id} has no open request.`,
      `To follow the agent: fomular-daemon agent watch ${agent_id}`,
    )
  const words = ({ digest, request_id }: PermissionRequest) => [digest ?? '', request_id]
  const found =
    given === undefined
      ? pending
      : pending.filter((request) => words(request).some((word) => word.startsWith(given)))
  const exact =
    // An agent chooses its request ids, and may use the digest of one request as the id of another.
    found.find(({ digest }) => given !== undefined && digest === given) ??
    found.find((request) => given !== undefined && words(request).includes(given)) ??
    (found.length === 1 ? found[0] : undefined)
  if (exact) return { request: exact, named: nameOf(exact) === given }
  if (found.length === 0)
    throw refused(
      'request_not_pending',
      `${agent_id} has no open request ${given}: it was answered, withdrawn, or replaced.`,
      `Name an open request: ${list}.`,
    )
  throw refused(
    'request_ambiguous',
    `${agent_id} has several open requests.`,
    `Name one request with --request: ${list}.`,
  )
}
