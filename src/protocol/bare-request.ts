import type { PermissionRequest } from './permission.ts'

/**
 * Returns the fields of a request that an answer needs. The `permission_request` event contains the other
 * fields.
 */
export const bareRequest = ({
  request_id,
  digest,
  ask,
  tool,
  tool_use_id,
  cut,
}: PermissionRequest): PermissionRequest => ({
  request_id,
  ...(digest !== undefined && { digest }),
  ask,
  tool,
  ...(tool_use_id !== undefined && { tool_use_id }),
  ...(cut && { cut }),
  input: {},
  input_omitted: true,
})
