/** The address of a page: the part of the URL after `#`. */
export interface Route {
  /** Parts of the path, decoded. The start page has none. */
  path: string[]
  query: URLSearchParams
}

/** Returns the page in the fragment of an address. */
export function routeIn(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s)
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
