import type { PermissionRequest } from '../../protocol/index.ts'

type Named = Pick<PermissionRequest, 'request_id' | 'digest'>

/**
 * Whether two are one request, as far as both tell: an agent may ask something else under the same id. Older daemons and
 * hubs give no digest.
 */
export const isSame = (one: Named, other: Named): boolean =>
  one.request_id === other.request_id &&
  (one.digest === undefined || other.digest === undefined || one.digest === other.digest)
