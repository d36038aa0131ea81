import type { PermissionRequest } from './permission.ts'

/** Returns what an answer to a request needs. The event `permission_request` has the rest. */
export const bare = ({
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
