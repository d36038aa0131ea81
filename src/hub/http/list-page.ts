import type { Context } from 'hono'
import { invalid, once } from './query.ts'
import { pageLimit } from './request.ts'

/** Maximum length of a cursor, in characters. */
const CURSOR_CHARS = 1024

/** The page of a list that a request asks for. */
export interface Page {
  /** Place of the last entry of the previous page; empty for the first page. */
  after: string
  limit: number
}

/** Returns the requested page; undefined if the request is for the whole list. @throws HttpError */
export function pageOf(c: Context): Page | undefined {
  const [limit, cursor] = [once(c, 'limit'), once(c, 'after')]
  if (limit === undefined && cursor === undefined) return undefined
  return { after: placeIn(cursor ?? ''), limit: pageLimit(c) }
}

/**
 * Returns the entries of a page, and the cursor of the next page if there are more entries.
 * @param entries entries after `after`, in the order of their places
 */
export function cut<T>(
  entries: Iterable<T>,
  { limit }: Page,
  placeOf: (entry: T) => string,
): { taken: T[]; next?: string } {
  const taken: T[] = []
  for (const entry of entries) {
    if (taken.length === limit) return { taken, next: cursorOf(placeOf(taken.at(-1)!)) }
    taken.push(entry)
  }
  return { taken }
}

/** Returns a place as a cursor. Clients must not depend on places, so the place is in base64url. */
const cursorOf = (place: string) => Buffer.from(place, 'utf16le').toString('base64url')

function placeIn(cursor: string): string {
  const place = Buffer.from(cursor, 'base64url').toString('utf16le')
  if (cursor.length <= CURSOR_CHARS && cursorOf(place) === cursor) return place
  throw invalid('after', 'must be the `next` of the previous page')
}
