import { UserError } from '../../platform/errors.ts'
import type { HubAgent, PermissionRequest } from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'
import { cleanLine } from '../render/clean.ts'
import { typedName } from '../render/permission.ts'

/** Requests that a message lists. */
const LISTED = 10
const NAME_CHARS = 100

interface Picked {
  request: PermissionRequest
  /** Whether what was given means this request and could not mean another one. */
  named: boolean
}

const refused = (code: string, message: string, remedy: string) =>
  new UserError(code, message, { remedy, exitCode: EXIT.refused })

/** What names a request: its digest. One of an older daemon has its id only. */
export const nameOf = ({ digest, request_id }: PermissionRequest) => digest ?? request_id

/**
 * The request that is meant: the one with this digest or id, or the beginning of either; without any, the only one there
 * is.
 * @throws UserError
 */
export function pickRequest({ agent_id, pending }: HubAgent, given: string | undefined): Picked {
  const names = pending
    .slice(0, LISTED)
    .map((request) => `${typedName(request)} (${cleanLine(request.tool, NAME_CHARS)})`)
  const list = [...names, ...(pending.length > LISTED ? [`${pending.length - LISTED} more`] : [])].join(', ')
  if (pending.length === 0)
    throw refused(
      'request_not_pending',
      `${agent_id} asks for nothing.`,
      `See \`fomular-daemon agent watch ${agent_id}\`.`,
    )
  const words = ({ digest, request_id }: PermissionRequest) => [digest ?? '', request_id]
  const found =
    given === undefined
      ? pending
      : pending.filter((request) => words(request).some((word) => word.startsWith(given)))
  const exact =
    // An agent chooses its ids, and may give one request the digest of another for its id.
    found.find(({ digest }) => given !== undefined && digest === given) ??
    found.find((request) => given !== undefined && words(request).includes(given)) ??
    (found.length === 1 ? found[0] : undefined)
  if (exact) return { request: exact, named: nameOf(exact) === given }
  if (found.length === 0)
    throw refused(
      'request_not_pending',
      `${agent_id} does not ask for ${given}: it was answered, withdrawn, or asks something else now.`,
      `It asks for: ${list}.`,
    )
  throw refused(
    'request_ambiguous',
    `${agent_id} asks for more than one thing.`,
    `Name one with --request: ${list}.`,
  )
}
