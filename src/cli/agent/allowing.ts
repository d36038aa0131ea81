import type { HubClient } from '../../client/hub-client.ts'
import type { PermissionRequest } from '../../protocol/index.ts'

/**
 * Returns the decision to allow a request. A signed decision contains the tool and the input that the person
 * has seen. A server therefore cannot use this decision to allow another tool or input.
 */
export const allowing = ({ signs }: Pick<HubClient, 'signs'>, { tool, input }: PermissionRequest) => ({
  decision: 'allow',
  ...(signs && { tool, input }),
})
