import type { HubClient } from '../../client/hub-client.ts'
import type { PermissionRequest } from '../../protocol/index.ts'

/**
 * Returns the decision to allow a request. A signed decision names the input that the person has seen, so that a server
 * cannot show another one.
 */
export const allowing = ({ signs }: Pick<HubClient, 'signs'>, { input }: PermissionRequest) => ({
  decision: 'allow',
  ...(signs && { input }),
})
