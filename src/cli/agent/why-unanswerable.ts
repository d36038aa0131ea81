import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { type PermissionRequest, unanswerable } from '../../protocol/index.ts'

const refused = (message: string, remedy: string) =>
  new UserError('request_not_shown', message, { remedy, exitCode: EXIT.refused })

/**
 * Returns why a request cannot be allowed or answered: it cannot be shown completely, or its answers are
 * ambiguous. Returns undefined for other requests.
 * @param request the hub's copy of the request
 * @param later remedy to give while the hub does not have the whole request
 */
export function whyUnanswerable(
  agentId: string,
  request: PermissionRequest,
  later: string,
): UserError | undefined {
  const deny = `fomular-daemon agent deny ${agentId}`
  if (request.cut)
    return refused(
      'The request cannot be shown: it is too long, and was cut.',
      `Refuse it, and make the agent ask in fewer words: ${deny}`,
    )
  if (request.input_omitted)
    return refused(
      'The request cannot be shown: its input is not at the hub yet.',
      `${later} To refuse it: ${deny}`,
    )
  const fault = unanswerable(request)
  return fault === undefined
    ? undefined
    : new UserError('request_unanswerable', `The request cannot be answered. ${fault}`, {
        remedy: `Refuse it, and make the agent ask in other words: ${deny}`,
        exitCode: EXIT.refused,
      })
}
