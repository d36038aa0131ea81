import { UserError } from '../../platform/errors.ts'
import { type PermissionRequest, unanswerable } from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'

const refused = (message: string, remedy: string) =>
  new UserError('request_not_shown', message, { remedy, exitCode: EXIT.refused })

/**
 * Why nobody is asked for a yes to a request: what they would allow cannot be shown, or what they would answer could mean
 * something else; undefined where it is asked.
 * @param request as the hub has it
 * @param later what to do until the hub has all of it
 */
export function notShown(agentId: string, request: PermissionRequest, later: string): UserError | undefined {
  const deny = `fomular-daemon agent deny ${agentId}`
  if (request.cut)
    return refused(
      'The request cannot be shown: it is too long, and was cut.',
      `Refuse it, and have the agent ask in fewer words: ${deny}`,
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
        remedy: `Refuse it, and have the agent ask in other words: ${deny}`,
        exitCode: EXIT.refused,
      })
}
