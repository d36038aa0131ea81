import type { HubClient } from '../../client/hub-client.ts'
import type { PermissionRequest } from '../../protocol/index.ts'

/**
 * Returns the decision to allow a request. A signed decision contains the input that the person has seen. A
 * server therefore cannot get a different input allowed.
 */
export const allowing = ({ signs }: Pick<HubClient, 'signs'>, { input }: PermissionRequest) => ({
  decision: 'allow',
  ...(signs && { input }),
})
