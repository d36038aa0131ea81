import type { PermissionRequest } from '../protocol/index.ts'

type Named = Pick<PermissionRequest, 'request_id' | 'digest'>

/**
 * Reports whether two requests are the same. An agent may use one id for several requests, so the digests
 * must be equal, too. Older daemons and hubs send no digests.
 */
export const isSame = (one: Named, other: Named): boolean =>
  one.request_id === other.request_id &&
  (one.digest === undefined || other.digest === undefined || one.digest === other.digest)
