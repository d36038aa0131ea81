import { dirname } from 'node:path'
import { realPath } from '../../platform/real-path.ts'
import type { Policy } from '../schema.ts'
import { isWithin } from './folders.ts'

/** Returns a function that reports whether programs named by a file may run without a question. */
export function trusts({ repository_trust, trusted_repositories }: Policy): (path: string) => boolean {
  if (repository_trust === 'any') return () => true
  const trusted = trusted_repositories.map(realPath)
  // The file itself may be a link to elsewhere, which its repository has chosen.
  return (path) => trusted.some((outer) => isWithin(realPath(dirname(path)), outer))
}
