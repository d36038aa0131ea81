import './english.ts'
import type * as z from 'zod/mini'
import { shorten } from './shorten.ts'

/**
 * Maximum length of a path, type, or id in an answer, in characters. A received frame may contain longer
 * values.
 */
export const PATH_CHARS = 1024

/** Returns a message for people, and the path of the invalid field, such as `spec.cwd`. */
export const faultOf = ({ issues }: z.core.$ZodError) => located(furthest(issues))

export function located(at: { message: string; path: readonly PropertyKey[] } | undefined): {
  message: string
  path?: string
} {
  const path = at && shorten(at.path.join('.'), PATH_CHARS)
  const message = at?.message ?? 'invalid'
  return path ? { path, message: `${path}: ${message}` } : { message }
}

/** Returns the issue from the union branch that matches to the greatest depth. */
function furthest([issue]: readonly z.core.$ZodIssue[]): z.core.$ZodIssue | undefined {
  if (issue?.code !== 'invalid_union') return issue
  // If a branch still has a union issue here, the discriminator of that union matches no branch. Any other
  // issue of the same depth takes precedence.
  const rank = ({ code, path }: z.core.$ZodIssue) => 2 * path.length + (code === 'invalid_union' ? 0 : 1)
  const [inner] = issue.errors.flatMap((branch) => furthest(branch) ?? []).sort((a, b) => rank(b) - rank(a))
  return inner ? { ...inner, path: [...issue.path, ...inner.path] } : issue
}
