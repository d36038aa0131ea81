/** Returns a link to a page. */
export function hrefOf(path: string[], query?: URLSearchParams): string {
  const search = query === undefined ? '' : String(query)
  return `#/${path.map(encodeURIComponent).join('/')}${search && `?${search}`}`
}
