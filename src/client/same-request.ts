import type { PermissionRequest } from '../protocol/index.ts'

type Named = Pick<PermissionRequest, 'request_id' | 'digest'>

/**
 * Reports whether two requests are the same. An agent may reuse an id for another request, so the digests
 * must agree; older daemons and hubs send none.
 */
export const isSame = (one: Named, other: Named): boolean =>
  one.request_id === other.request_id &&
  (one.digest === undefined || other.digest === undefined || one.digest === other.digest)
