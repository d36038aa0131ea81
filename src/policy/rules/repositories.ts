import { dirname } from 'node:path'
import { realPath } from '../../platform/real-path.ts'
import { isWithin } from '../../protocol/policy-rules.ts'
import type { Policy } from '../schema.ts'

/**
 * Returns a function that reports whether the programs named in a startup file may run without asking a
 * person.
 */
export function trusts({ repository_trust, trusted_repositories }: Policy): (path: string) => boolean {
  if (repository_trust === 'any') return () => true
  const trusted = trusted_repositories.map(realPath)
  // Resolve links only in the folder's path, because the repository may have made the file itself a link to
  // another place.
  return (path) => trusted.some((outer) => isWithin(realPath(dirname(path)), outer))
}
