import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { callerOf } from './caller.ts'

/** Length of a tag, in characters of base64url: 132 bits. */
const TAG_CHARS = 22

/**
 * Returns the headers of an answer with an entity tag, and whether the client already has this answer.
 * @param versions numbers that change when the answer changes. They must be read before the answer is built,
 * because the answer may contain later changes
 */
export function tagged(c: Context, versions: unknown[]) {
  const { search } = new URL(c.req.url)
  const facts = JSON.stringify([callerOf(c)?.role, search, versions])
  const hash = createHash('sha256').update(facts).digest('base64url').slice(0, TAG_CHARS)
  // A strong tag would have to differ between the compressed and the plain form of an answer.
  const tag = `W/"${hash}"`
  const known = (c.req.header('if-none-match') ?? '').split(',').map((each) => each.trim())
  return {
    headers: { etag: tag, 'cache-control': 'private, no-cache', vary: 'authorization, accept-encoding' },
    isKnown: known.some((each) => each === '*' || each === tag || `W/${each}` === tag),
  }
}
